#include "tandem/bundle/reader.h"

#include <algorithm>
#include <cmath>

#include "tandem/base/checksum.h"
#include "tandem/base/log.h"
#include "tandem/bundle/golden.h"
#include "tandem/bundle/item_attributes.h"
#include "tandem/bundle/layout.h"
#include "tandem/bundle/manifest.h"
#include "tandem/format/safetensors.h"
#include "tandem/index/exact_index.h"

namespace tandem::bundle {
namespace {

using format::SafetensorsReader;

constexpr uint64_t kMaxManifestBytes = uint64_t{16} << 20;
// The product of two embeddings of 4096 such numbers is still finite, and so are all scores.
constexpr float kLargestNumber = 1e17F;

// The array of that name and shape; -1 stands for any extent.
Result<const format::TensorView*> Find(const SafetensorsReader& file, std::string_view name,
                                       std::vector<int64_t> shape) {
  TANDEM_ASSIGN_OR_RETURN(const format::TensorView* view, file.Get(name));
  const bool fits = view->shape.size() == shape.size() &&
                    std::equal(shape.begin(), shape.end(), view->shape.begin(),
                               [](int64_t want, int64_t got) { return want < 0 || want == got; });
  if (!fits) return DataLossError(name, " has another shape than the manifest's sizes give it");
  return view;
}

Result<std::vector<float>> Floats(const SafetensorsReader& file, std::string_view name,
                                  std::vector<int64_t> shape) {
  TANDEM_ASSIGN_OR_RETURN(const format::TensorView* view, Find(file, name, std::move(shape)));
  TANDEM_ASSIGN_OR_RETURN(std::vector<float> values, format::AsFloats(*view));
  const auto odd = std::find_if_not(values.begin(), values.end(),
                                    [](float x) { return std::abs(x) <= kLargestNumber; });
  if (odd != values.end()) {
    return DataLossError(name, " holds ", *odd, " at place ", odd - values.begin(),
                         ", expected numbers of at most ", kLargestNumber);
  }
  return values;
}

Result<std::vector<int64_t>> Int64s(const SafetensorsReader& file, std::string_view name,
                                    std::vector<int64_t> shape) {
  TANDEM_ASSIGN_OR_RETURN(const format::TensorView* view, Find(file, name, std::move(shape)));
  return format::AsInt64s(*view);
}

// No model of these sizes has fewer numbers, nor many times as many.
int64_t LeastNumbers(const model::ModelConfig& config, const model::ModelSizes& sizes) {
  int64_t table_rows = sizes.items;
  table_rows += config.query == model::QueryFeature::kHistory ? sizes.items : sizes.users;
  if (config.item == model::ItemFeatures::kIdAndCategories) table_rows += sizes.categories;
  int64_t numbers = table_rows * (config.dimension - 1);
  if (config.rating == model::RatingHead::kFactors) {
    numbers += (sizes.users + 2 * sizes.items) * config.rating_dimension;
  }
  if (config.rating == model::RatingHead::kMlp) {
    int64_t inputs = 2 * config.dimension;
    for (const int64_t units : config.rating_layers) {
      numbers += inputs * units;
      inputs = units;
    }
  }
  return numbers;
}

// Lists of ids within [low, high], ascending in a list, each once.
Result<RowLists> ReadLists(const SafetensorsReader& file, const std::string& name, int64_t lists,
                           int64_t low, int64_t high) {
  RowLists read;
  TANDEM_ASSIGN_OR_RETURN(read.offsets, Int64s(file, name + ".offsets", {lists + 1}));
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> values, Int64s(file, name + ".values", {-1}));
  if (read.offsets.front() != 0 || read.offsets.back() != static_cast<int64_t>(values.size()) ||
      !std::is_sorted(read.offsets.begin(), read.offsets.end())) {
    return DataLossError(name, ".offsets do not cut ", name, ".values into lists");
  }
  read.values.reserve(values.size());
  for (const int64_t value : values) {
    if (value < low || value > high) {
      return DataLossError(name, ".values holds ", value, ", expected ", low, " to ", high);
    }
    read.values.push_back(static_cast<int32_t>(value));
  }
  for (int64_t i = 0; i < lists; ++i) {
    const std::span<const int32_t> list = read[i];
    if (std::adjacent_find(list.begin(), list.end(), std::greater_equal<>()) != list.end()) {
      return DataLossError(name, " list ", i, " is not in ascending order");
    }
  }
  return read;
}

// The files of one version, each checked against the manifest as it is read.
class VersionReader {
 public:
  VersionReader(const Env& env, const std::string& directory) : env_(env), directory_(directory) {}

  Result<std::shared_ptr<const Bundle>> Read() {
    auto bundle = std::make_shared<Bundle>();
    bundle->version = VersionOf(directory_.substr(directory_.rfind('/') + 1));
    TANDEM_RETURN_IF_ERROR(ReadManifest(*bundle));
    TANDEM_RETURN_IF_ERROR(ReadItems(*bundle).WithContext(kItems));
    TANDEM_RETURN_IF_ERROR(ReadUsers(*bundle).WithContext(kUsers));
    TANDEM_RETURN_IF_ERROR(ReadModel(*bundle).WithContext(kModel));
    TANDEM_RETURN_IF_ERROR(ReadGolden(*bundle).WithContext(kGolden));
    TANDEM_ASSIGN_OR_RETURN(
        bundle->index, index::ExactIndex::Create(bundle->items.embeddings, bundle->items.ids.size(),
                                                 bundle->dimension(),
                                                 {.ownership = index::RowOwnership::kBorrowed}));
    TANDEM_ASSIGN_OR_RETURN(bundle->attributes, ItemAttributes(bundle->items));
    return std::shared_ptr<const Bundle>(std::move(bundle));
  }

 private:
  Status ReadManifest(Bundle& bundle) {
    TANDEM_ASSIGN_OR_RETURN(const std::string text,
                            env_.ReadFile(JoinPath(directory_, kManifest), kMaxManifestBytes));
    TANDEM_ASSIGN_OR_RETURN(const std::string checksum,
                            env_.ReadFile(JoinPath(directory_, kManifestChecksum), 64));
    bundle.fingerprint = ChecksumHex(text);
    if (checksum != bundle.fingerprint + '\n') {
      return DataLossError(kManifest, " has the checksum ", bundle.fingerprint,
                           ", which is not what ", kManifestChecksum, " says");
    }
    Result<Manifest> manifest = ParseManifest(text);
    if (!manifest.ok()) return manifest.status().WithContext(kManifest);
    manifest_ = std::move(manifest).value();
    bundle.config = manifest_.config;
    bundle.signature = manifest_.signature;
    bundle.provenance = manifest_.provenance;
    return {};
  }

  // The bytes of a file, of the size and checksum that the manifest has for it.
  Result<std::string> Bytes(const std::string& name) const {
    const auto entry = std::find_if(manifest_.files.begin(), manifest_.files.end(),
                                    [&name](const FileEntry& f) { return f.name == name; });
    if (entry == manifest_.files.end()) {
      return DataLossError(kManifest, " does not list ", name);
    }
    TANDEM_ASSIGN_OR_RETURN(std::string bytes, env_.ReadFile(JoinPath(directory_, name),
                                                             static_cast<uint64_t>(entry->bytes)));
    const std::string checksum = ChecksumHex(bytes);
    if (static_cast<int64_t>(bytes.size()) != entry->bytes || checksum != entry->xxh3) {
      return DataLossError("has ", bytes.size(), " bytes and checksum ", checksum,
                           ", expected those of the manifest: ", entry->bytes, " and ",
                           entry->xxh3);
    }
    return bytes;
  }

  Result<feature::Vocabulary> ReadVocabulary(const std::string& name, int64_t size) const {
    Result<std::string> text = Bytes(name);
    if (!text.ok()) return text.status().WithContext(name);
    Result<feature::Vocabulary> vocabulary = feature::Vocabulary::FromText(*text);
    if (!vocabulary.ok()) return DataLossError(name, ": ", vocabulary.status().message());
    if (vocabulary->size() != size) {
      return DataLossError(name, " has ", vocabulary->size(), " tokens, the manifest ", size);
    }
    return vocabulary;
  }

  Status ReadItems(Bundle& bundle) const {
    const int64_t n = manifest_.sizes.items;
    Items& items = bundle.items;
    TANDEM_ASSIGN_OR_RETURN(items.ids, ReadVocabulary(kItemVocabulary, n));
    TANDEM_ASSIGN_OR_RETURN(items.categories,
                            ReadVocabulary(kCategoryVocabulary, manifest_.sizes.categories));
    TANDEM_ASSIGN_OR_RETURN(const std::string bytes, Bytes(kItems));
    TANDEM_ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Parse(bytes));
    TANDEM_ASSIGN_OR_RETURN(items.embeddings, Floats(file, "embedding", {n, bundle.dimension()}));
    TANDEM_ASSIGN_OR_RETURN(items.popularity, Int64s(file, "popularity", {n}));
    TANDEM_ASSIGN_OR_RETURN(items.titles, format::ReadStrings(file, "title"));
    if (static_cast<int64_t>(items.titles.size()) != n) {
      return DataLossError("title has ", items.titles.size(), " strings, expected ", n);
    }
    TANDEM_ASSIGN_OR_RETURN(items.category_lists,
                            ReadLists(file, "category", n, 1, manifest_.sizes.categories));
    items.by_popularity.resize(static_cast<size_t>(n));
    for (size_t i = 0; i < items.by_popularity.size(); ++i) {
      items.by_popularity[i] = static_cast<int32_t>(i);
    }
    std::stable_sort(items.by_popularity.begin(), items.by_popularity.end(),
                     [&items](int32_t a, int32_t b) {
                       return items.popularity[static_cast<size_t>(a)] >
                              items.popularity[static_cast<size_t>(b)];
                     });
    return {};
  }

  Status ReadUsers(Bundle& bundle) const {
    const int64_t n = manifest_.sizes.users;
    Users& users = bundle.users;
    TANDEM_ASSIGN_OR_RETURN(users.ids, ReadVocabulary(kUserVocabulary, n));
    TANDEM_ASSIGN_OR_RETURN(const std::string bytes, Bytes(kUsers));
    TANDEM_ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Parse(bytes));
    TANDEM_ASSIGN_OR_RETURN(users.embeddings, Floats(file, "embedding", {n, bundle.dimension()}));
    TANDEM_ASSIGN_OR_RETURN(users.unknown, Floats(file, "unknown", {bundle.dimension()}));
    TANDEM_ASSIGN_OR_RETURN(users.history,
                            ReadLists(file, "history", n, 0, manifest_.sizes.items - 1));
    return {};
  }

  Status ReadModel(Bundle& bundle) const {
    TANDEM_ASSIGN_OR_RETURN(const std::string bytes, Bytes(kModel));
    TANDEM_ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Parse(bytes));
    // Create allocates what the manifest says before the arrays of the file are looked at.
    const int64_t least = LeastNumbers(manifest_.config, manifest_.sizes);
    if (least > static_cast<int64_t>(bytes.size() / sizeof(float))) {
      return DataLossError("of ", bytes.size(), " bytes cannot hold the ", least,
                           " numbers that the manifest's model has at least");
    }
    TANDEM_ASSIGN_OR_RETURN(auto model,
                            model::TwoTower::Create(manifest_.config, manifest_.sizes, Rng(0)));
    const std::vector<nn::Parameter*> parameters = model->Parameters();
    for (nn::Parameter* parameter : parameters) {
      TANDEM_ASSIGN_OR_RETURN(const std::vector<float> values,
                              Floats(file, parameter->name(),
                                     {static_cast<int64_t>(parameter->rows()),
                                      static_cast<int64_t>(parameter->cols())}));
      std::copy(values.begin(), values.end(), parameter->value().data());
    }
    if (file.tensors().size() != parameters.size()) {
      return DataLossError("has ", file.tensors().size(), " arrays, the model ", parameters.size());
    }
    bundle.model = std::move(model);
    return {};
  }

  Status ReadGolden(Bundle& bundle) const {
    TANDEM_ASSIGN_OR_RETURN(const std::string bytes, Bytes(kGolden));
    for (size_t begin = 0; begin < bytes.size();) {
      const size_t end = std::min(bytes.find('\n', begin), bytes.size());
      const std::string_view line = std::string_view(bytes).substr(begin, end - begin);
      Result<GoldenSample> sample = ParseGoldenLine(line);
      if (!sample.ok()) {
        return DataLossError("line ", bundle.golden.size() + 1, ": ", sample.status().message());
      }
      bundle.golden.push_back(std::move(sample).value());
      begin = end + 1;
    }
    return {};
  }

  const Env& env_;
  const std::string& directory_;
  Manifest manifest_;
};

}  // namespace

Result<std::vector<int64_t>> ListVersions(const Env& env, const std::string& base_path) {
  TANDEM_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, env.ListDirectory(base_path));
  std::vector<int64_t> versions;
  for (const FileInfo& entry : entries) {
    const int64_t version = entry.is_directory ? VersionOf(entry.name) : 0;
    if (version > 0) versions.push_back(version);
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

Result<std::shared_ptr<const Bundle>> ReadVersion(const Env& env, const std::string& directory) {
  Result<std::shared_ptr<const Bundle>> bundle = VersionReader(env, directory).Read();
  if (!bundle.ok()) return bundle.status().WithContext(directory);
  return bundle;
}

Result<std::shared_ptr<const Bundle>> OpenVersion(const Env& env, const std::string& directory) {
  TANDEM_ASSIGN_OR_RETURN(auto bundle, ReadVersion(env, directory));
  const Status replayed = ReplayGolden(*bundle);
  if (!replayed.ok()) return replayed.WithContext(directory);
  return bundle;
}

Result<std::shared_ptr<const Bundle>> Open(const Env& env, const std::string& path) {
  if (env.Stat(JoinPath(path, kManifest)).ok()) return OpenVersion(env, path);
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, ListVersions(env, path));
  Status newest = NotFoundError(path, " holds no bundle: no version directory in it");
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    auto bundle = OpenVersion(env, JoinPath(path, std::to_string(*version)));
    if (bundle.ok()) return bundle;
    Log(LogLevel::kWarning, StrCat("version ", *version, " is refused: ", bundle.status()));
    if (version == versions.rbegin()) newest = bundle.status();
  }
  return newest;
}

}  // namespace tandem::bundle
