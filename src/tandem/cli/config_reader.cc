#include "tandem/cli/config_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string_view>

namespace tandem::cli {
namespace {

using training::TrainingConfig;

// A config is some hundreds of bytes. toml++ recurses once for each part of a dotted key, without a
// limit of its own; as many parts as fit these bytes take a quarter of an 8 MiB stack.
constexpr uint64_t kMaxTomlBytes = 16 << 10;

// A field of TrainingConfig that a key writes. Setters answer what is expected on a mismatch.
using Setter = std::function<Status(TrainingConfig&, const toml::node&)>;

Status Expected(std::string_view what) { return InvalidArgumentError("expected ", what); }

template <typename Access>
Setter Text(Access access) {
  return [access](TrainingConfig& config, const toml::node& node) -> Status {
    const auto value = node.value_exact<std::string>();
    if (!value) return Expected("a string");
    access(config) = *value;
    return {};
  };
}

template <typename Access>
Setter Number(Access access) {
  return [access](TrainingConfig& config, const toml::node& node) -> Status {
    const auto value = node.value<double>();
    if (!value || node.is_boolean()) return Expected("a number");
    access(config) = *value;
    return {};
  };
}

template <typename Access>
Setter Integer(Access access) {
  return [access](TrainingConfig& config, const toml::node& node) -> Status {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < 0) return Expected("a whole number, 0 or more");
    using Field = std::remove_reference_t<decltype(access(config))>;
    access(config) = static_cast<Field>(*value);
    return {};
  };
}

template <typename Access>
Setter Flag(Access access) {
  return [access](TrainingConfig& config, const toml::node& node) -> Status {
    const auto value = node.value_exact<bool>();
    if (!value) return Expected("true or false");
    access(config) = *value;
    return {};
  };
}

// A word that `parse` turns into an enum value.
template <typename Access, typename Parse>
Setter Choice(Access access, Parse parse) {
  return [access, parse](TrainingConfig& config, const toml::node& node) -> Status {
    const auto value = node.value_exact<std::string>();
    if (!value) return Expected("a string");
    TANDEM_ASSIGN_OR_RETURN(access(config), parse(*value));
    return {};
  };
}

// The two-word enums of training/config.h.
template <typename T>
std::function<Result<T>(std::string_view)> OneOf(
    std::vector<std::pair<std::string_view, T>> words) {
  return [words = std::move(words)](std::string_view text) -> Result<T> {
    std::string known;
    for (const auto& word : words) {
      if (word.first == text) return word.second;
      known += StrCat(known.empty() ? "" : ", ", word.first);
    }
    return InvalidArgumentError("'", text, "' is not known; the choices are ", known);
  };
}

Status SetLayers(TrainingConfig& config, const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return Expected("a list of whole numbers");
  std::vector<int64_t> layers;
  for (const toml::node& element : *array) {
    const auto units = element.value_exact<int64_t>();
    if (!units) return Expected("a list of whole numbers");
    layers.push_back(*units);
  }
  config.model.rating_layers = std::move(layers);
  return {};
}

#define TANDEM_FIELD(path) \
  [](TrainingConfig & config) -> auto& { return config.path; }

void AddModelKeys(std::map<std::string, Setter, std::less<>>& keys) {
  keys["model.dimension"] = Integer(TANDEM_FIELD(model.dimension));
  keys["model.query"] = Choice(TANDEM_FIELD(model.query), model::ParseQueryFeature);
  keys["model.item"] = Choice(TANDEM_FIELD(model.item), model::ParseItemFeatures);
  keys["model.popularity"] = Choice(TANDEM_FIELD(model.popularity), model::ParsePopularityTerm);
  keys["model.rating"] = Choice(TANDEM_FIELD(model.rating), model::ParseRatingHead);
  keys["model.rating_layers"] = SetLayers;
  keys["model.rating_dimension"] = Integer(TANDEM_FIELD(model.rating_dimension));
  keys["model.embedding_init"] =
      Choice(TANDEM_FIELD(model.embedding_init), model::ParseEmbeddingInit);
}

void AddLossKeys(std::map<std::string, Setter, std::less<>>& keys) {
  using training::RetrievalLoss;
  keys["retrieval.weight"] = Number(TANDEM_FIELD(retrieval.weight));
  keys["retrieval.loss"] =
      Choice(TANDEM_FIELD(retrieval.loss),
             OneOf<RetrievalLoss>({{"in_batch_softmax", RetrievalLoss::kInBatchSoftmax},
                                   {"full_softmax", RetrievalLoss::kFullSoftmax}}));
  keys["retrieval.temperature"] = Number(TANDEM_FIELD(retrieval.temperature));
  keys["retrieval.logq"] = Flag(TANDEM_FIELD(retrieval.logq));
  keys["retrieval.remove_accidental_hits"] = Flag(TANDEM_FIELD(retrieval.remove_accidental_hits));
  keys["retrieval.history_dropout"] = Number(TANDEM_FIELD(retrieval.history_dropout));
  keys["rating.weight"] = Number(TANDEM_FIELD(rating.weight));
  keys["rating.l2"] = Number(TANDEM_FIELD(rating.l2));
  keys["rating.prior"] = Number(TANDEM_FIELD(rating.prior));
}

void AddTrainingKeys(std::map<std::string, Setter, std::less<>>& keys) {
  using training::BatchBy;
  using training::OptimizerKind;
  keys["optimizer.kind"] = Choice(
      TANDEM_FIELD(optimizer.kind),
      OneOf<OptimizerKind>({{"adagrad", OptimizerKind::kAdagrad}, {"adam", OptimizerKind::kAdam}}));
  keys["optimizer.learning_rate"] = Number(TANDEM_FIELD(optimizer.learning_rate));
  keys["optimizer.beta1"] = Number(TANDEM_FIELD(optimizer.beta1));
  keys["optimizer.beta2"] = Number(TANDEM_FIELD(optimizer.beta2));
  keys["optimizer.weight_decay"] = Number(TANDEM_FIELD(optimizer.weight_decay));
  keys["optimizer.cooldown"] = Number(TANDEM_FIELD(optimizer.cooldown));
  keys["training.epochs"] = Integer(TANDEM_FIELD(epochs));
  keys["training.batch_by"] =
      Choice(TANDEM_FIELD(batch_by),
             OneOf<BatchBy>({{"interaction", BatchBy::kInteraction}, {"user", BatchBy::kUser}}));
  keys["training.batch_size"] = Integer(TANDEM_FIELD(batch_size));
  keys["training.reshuffle"] = Flag(TANDEM_FIELD(reshuffle));
}

const std::map<std::string, Setter, std::less<>>& Keys() {
  static const std::map<std::string, Setter, std::less<>> all = [] {
    std::map<std::string, Setter, std::less<>> keys;
    keys["seed"] = Integer(TANDEM_FIELD(seed));
    keys["data.train"] = Text(TANDEM_FIELD(data.train));
    keys["data.test"] = Text(TANDEM_FIELD(data.test));
    keys["data.items"] = Text(TANDEM_FIELD(data.items));
    keys["data.layout"] = Text(TANDEM_FIELD(data.layout));
    keys["data.split"] = Text(TANDEM_FIELD(data.split));
    keys["data.test_fraction"] = Number(TANDEM_FIELD(data.test_fraction));
    keys["data.skip_bad_rows"] = Flag(TANDEM_FIELD(data.skip_bad_rows));
    AddModelKeys(keys);
    AddLossKeys(keys);
    AddTrainingKeys(keys);
    return keys;
  }();
  return all;
}
#undef TANDEM_FIELD

// Levenshtein distance, to find what a mistyped key was meant to be.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string NearestKey(std::string_view key) {
  std::string best;
  size_t best_distance = std::numeric_limits<size_t>::max();
  for (const auto& entry : Keys()) {
    const size_t distance = EditDistance(key, entry.first);
    if (distance < best_distance) {
      best_distance = distance;
      best = entry.first;
    }
  }
  return best;
}

Status Set(TrainingConfig& config, const std::string& key, const toml::node& node) {
  const auto found = Keys().find(key);
  if (found == Keys().end()) {
    const std::string shown = key.substr(0, 64);
    return InvalidArgumentError("unknown key '", shown, "'; the nearest known one is '",
                                NearestKey(shown), "'");
  }
  return found->second(config, node).WithContext(key);
}

Status SetAll(TrainingConfig& config, const toml::table& table, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* section = node.as_table(); section != nullptr && prefix.empty()) {
      TANDEM_RETURN_IF_ERROR(SetAll(config, *section, key + "."));
    } else {
      const Status status = Set(config, key, node);
      if (!status.ok()) return status.WithContext(StrCat("line ", node.source().begin.line));
    }
  }
  return {};
}

// toml++ throws; this is the edge where that ends.
Result<toml::table> ParseToml(std::string_view text) {
  if (text.size() > kMaxTomlBytes) {
    return ResourceExhaustedError("got ", text.size(), " bytes of TOML, expected at most ",
                                  kMaxTomlBytes);
  }
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return InvalidArgumentError("line ", error.source().begin.line, ": ", error.description());
  }
}

// key=value: the value as TOML, or as a bare word where it is none (a path, say).
Status ApplySetting(TrainingConfig& config, const std::string& setting) {
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    return InvalidArgumentError("--set ", setting, ": expected key=value");
  }
  const std::string key = setting.substr(0, equals);
  const std::string text = setting.substr(equals + 1);
  Result<toml::table> parsed = ParseToml("value = " + text);
  const toml::table table = parsed.ok() ? std::move(parsed).value() : toml::table{{"value", text}};
  return Set(config, key, *table.get("value")).WithContext("--set " + setting);
}

bool SetsKey(const std::vector<std::string>& settings, std::string_view key) {
  return std::any_of(settings.begin(), settings.end(), [key](const std::string& setting) {
    return setting.size() > key.size() && setting.compare(0, key.size(), key) == 0 &&
           setting[key.size()] == '=';
  });
}

// Rows that are given as a .tsv are user, item, rating, time, whatever the config's layout.
void AdoptTsv(TrainingConfig& config, const std::vector<std::string>& settings) {
  const auto set_to_tsv = [&settings](std::string_view key, const std::string& path) {
    return SetsKey(settings, key) && path.size() >= 4 && path.substr(path.size() - 4) == ".tsv";
  };
  if (!set_to_tsv("data.train", config.data.train) && !set_to_tsv("data.test", config.data.test)) {
    return;
  }
  if (!SetsKey(settings, "data.layout")) config.data.layout = "tsv";
  if (!SetsKey(settings, "data.items")) config.data.items.clear();
}

}  // namespace

Result<TrainingConfig> ReadTrainingConfig(const Env& env, const std::string& path,
                                          const std::vector<std::string>& settings) {
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path, kMaxTomlBytes));
  Result<toml::table> table = ParseToml(text);
  if (!table.ok()) return table.status().WithContext(path);
  TrainingConfig config;
  const Status status = SetAll(config, *table, "");
  if (!status.ok()) return status.WithContext(path);
  for (std::string* file : {&config.data.train, &config.data.test, &config.data.items}) {
    if (!file->empty()) *file = JoinPath(ParentPath(path), *file);
  }
  for (const std::string& setting : settings) {
    TANDEM_RETURN_IF_ERROR(ApplySetting(config, setting));
  }
  AdoptTsv(config, settings);
  TANDEM_RETURN_IF_ERROR(training::Validate(config));
  return config;
}

}  // namespace tandem::cli
