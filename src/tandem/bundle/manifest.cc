#include "tandem/bundle/manifest.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "tandem/bundle/layout.h"
#include "tandem/format/json.h"

namespace tandem::bundle {
namespace {

using format::Json;

Result<int64_t> IntegerAt(const Json& object, std::string_view key) {
  TANDEM_ASSIGN_OR_RETURN(const Json* value, object.Get(key));
  Result<int64_t> number = value->AsInt64();
  return number.ok() ? number : number.status().WithContext(key);
}

Result<std::string> TextAt(const Json& object, std::string_view key) {
  TANDEM_ASSIGN_OR_RETURN(const Json* value, object.Get(key));
  const Result<const std::string*> text = value->AsString();
  if (!text.ok()) return text.status().WithContext(key);
  return **text;
}

template <typename T, typename Convert>
Result<std::vector<T>> ListAt(const Json& object, std::string_view key, Convert convert) {
  TANDEM_ASSIGN_OR_RETURN(const Json* value, object.Get(key));
  TANDEM_ASSIGN_OR_RETURN(const Json::Array* array, value->AsArray());
  std::vector<T> list;
  for (const Json& element : *array) {
    TANDEM_ASSIGN_OR_RETURN(list.emplace_back(), convert(element));
  }
  return list;
}

Result<std::string> ToText(const Json& json) {
  TANDEM_ASSIGN_OR_RETURN(const std::string* text, json.AsString());
  return *text;
}

Result<float> ToFloat(const Json& json) {
  TANDEM_ASSIGN_OR_RETURN(const double number, json.AsDouble());
  if (std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) {
    return DataLossError(number, " is out of range");
  }
  return static_cast<float>(number);
}

Result<int32_t> ToInt32(const Json& json) {
  TANDEM_ASSIGN_OR_RETURN(const int64_t number, json.AsInt64());
  if (number != static_cast<int32_t>(number)) return DataLossError(number, " is out of range");
  return static_cast<int32_t>(number);
}

template <typename T>
Json ListOf(const std::vector<T>& values) {
  return Json::Array(values.begin(), values.end());
}

Json ConfigJson(const model::ModelConfig& config) {
  return Json::Object{{"dimension", config.dimension},
                      {"query", model::Name(config.query)},
                      {"item", model::Name(config.item)},
                      {"popularity", model::Name(config.popularity)},
                      {"rating", model::Name(config.rating)},
                      {"rating_layers", ListOf(config.rating_layers)},
                      {"rating_dimension", config.rating_dimension},
                      {"embedding_init", model::Name(config.embedding_init)}};
}

Result<model::ModelConfig> ParseConfig(const Json& json) {
  model::ModelConfig config;
  TANDEM_ASSIGN_OR_RETURN(config.dimension, IntegerAt(json, "dimension"));
  TANDEM_ASSIGN_OR_RETURN(const std::string query, TextAt(json, "query"));
  TANDEM_ASSIGN_OR_RETURN(config.query, model::ParseQueryFeature(query));
  TANDEM_ASSIGN_OR_RETURN(const std::string item, TextAt(json, "item"));
  TANDEM_ASSIGN_OR_RETURN(config.item, model::ParseItemFeatures(item));
  TANDEM_ASSIGN_OR_RETURN(const std::string popularity, TextAt(json, "popularity"));
  TANDEM_ASSIGN_OR_RETURN(config.popularity, model::ParsePopularityTerm(popularity));
  TANDEM_ASSIGN_OR_RETURN(const std::string rating, TextAt(json, "rating"));
  TANDEM_ASSIGN_OR_RETURN(config.rating, model::ParseRatingHead(rating));
  TANDEM_ASSIGN_OR_RETURN(config.rating_layers,
                          ListAt<int64_t>(json, "rating_layers",
                                          [](const Json& element) { return element.AsInt64(); }));
  TANDEM_ASSIGN_OR_RETURN(config.rating_dimension, IntegerAt(json, "rating_dimension"));
  TANDEM_ASSIGN_OR_RETURN(const std::string init, TextAt(json, "embedding_init"));
  TANDEM_ASSIGN_OR_RETURN(config.embedding_init, model::ParseEmbeddingInit(init));
  TANDEM_RETURN_IF_ERROR(model::Validate(config));
  return config;
}

Result<model::ModelSizes> ParseSizes(const Json& json) {
  model::ModelSizes sizes;
  TANDEM_ASSIGN_OR_RETURN(sizes.users, IntegerAt(json, "users"));
  TANDEM_ASSIGN_OR_RETURN(sizes.items, IntegerAt(json, "items"));
  TANDEM_ASSIGN_OR_RETURN(sizes.categories, IntegerAt(json, "categories"));
  return sizes;
}

Result<Provenance> ParseProvenance(const Json& json) {
  Provenance provenance;
  TANDEM_ASSIGN_OR_RETURN(const std::string seed, TextAt(json, "seed"));
  const auto [end, error] =
      std::from_chars(seed.data(), seed.data() + seed.size(), provenance.seed);
  if (error != std::errc() || end != seed.data() + seed.size()) {
    return DataLossError("seed is '", seed, "', expected a whole number");
  }
  TANDEM_ASSIGN_OR_RETURN(provenance.data_fingerprint, TextAt(json, "data_fingerprint"));
  TANDEM_ASSIGN_OR_RETURN(const Json* metrics, json.Get("metrics"));
  TANDEM_ASSIGN_OR_RETURN(const Json::Object* members, metrics->AsObject());
  for (const auto& member : *members) {
    TANDEM_ASSIGN_OR_RETURN(const double value, member.second.AsDouble());
    provenance.metrics.emplace_back(member.first, value);
  }
  return provenance;
}

Result<SignatureNames> ParseSignature(const Json& json) {
  SignatureNames names;
  TANDEM_ASSIGN_OR_RETURN(names.user_input, TextAt(json, "user_input"));
  TANDEM_ASSIGN_OR_RETURN(names.history_input, TextAt(json, "history_input"));
  TANDEM_ASSIGN_OR_RETURN(names.embedding_output, TextAt(json, "embedding_output"));
  return names;
}

Result<FileEntry> ParseFile(const Json& json) {
  FileEntry file;
  TANDEM_ASSIGN_OR_RETURN(file.name, TextAt(json, "name"));
  TANDEM_ASSIGN_OR_RETURN(file.bytes, IntegerAt(json, "bytes"));
  TANDEM_ASSIGN_OR_RETURN(file.xxh3, TextAt(json, "xxh3"));
  if (file.bytes < 0) return DataLossError(file.name, " has ", file.bytes, " bytes");
  return file;
}

Result<Manifest> ParseFields(const Json& json) {
  TANDEM_ASSIGN_OR_RETURN(const int64_t schema, IntegerAt(json, "schema_version"));
  if (schema != kSchemaVersion) {
    return FailedPreconditionError("schema version ", schema, "; this program reads version ",
                                   kSchemaVersion);
  }
  Manifest manifest;
  TANDEM_ASSIGN_OR_RETURN(const Json* config, json.Get("model"));
  TANDEM_ASSIGN_OR_RETURN(manifest.config, ParseConfig(*config));
  TANDEM_ASSIGN_OR_RETURN(const Json* sizes, json.Get("sizes"));
  TANDEM_ASSIGN_OR_RETURN(manifest.sizes, ParseSizes(*sizes));
  TANDEM_ASSIGN_OR_RETURN(const Json* signature, json.Get("signatures"));
  TANDEM_ASSIGN_OR_RETURN(manifest.signature, ParseSignature(*signature));
  TANDEM_ASSIGN_OR_RETURN(manifest.provenance, ParseProvenance(json));
  TANDEM_ASSIGN_OR_RETURN(manifest.files, ListAt<FileEntry>(json, "files", ParseFile));
  return manifest;
}

}  // namespace

Result<std::string> ManifestText(const Manifest& manifest) {
  Json::Array files;
  for (const FileEntry& file : manifest.files) {
    files.push_back(Json::Object{{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.xxh3}});
  }
  Json::Object metrics;
  for (const auto& [name, value] : manifest.provenance.metrics) metrics.emplace_back(name, value);
  const Json json = Json::Object{
      {"schema_version", kSchemaVersion},
      {"model", ConfigJson(manifest.config)},
      {"sizes", Json::Object{{"users", manifest.sizes.users},
                             {"items", manifest.sizes.items},
                             {"categories", manifest.sizes.categories}}},
      {"signatures", Json::Object{{"user_input", manifest.signature.user_input},
                                  {"history_input", manifest.signature.history_input},
                                  {"embedding_output", manifest.signature.embedding_output}}},
      // A seed may be larger than JSON's integers: text.
      {"seed", std::to_string(manifest.provenance.seed)},
      {"data_fingerprint", manifest.provenance.data_fingerprint},
      {"metrics", std::move(metrics)},
      {"files", std::move(files)}};
  return format::SerializeJson(json, format::JsonStyle::kPretty);
}

Result<Manifest> ParseManifest(std::string_view text) {
  TANDEM_ASSIGN_OR_RETURN(const Json json, format::ParseJson(text));
  Result<Manifest> manifest = ParseFields(json);
  if (manifest.ok() || manifest.status().code() == StatusCode::kFailedPrecondition) {
    return manifest;
  }
  return DataLossError(manifest.status().message());
}

Result<std::string> GoldenLine(const GoldenSample& sample) {
  return format::SerializeJson(Json::Object{{"user", sample.user_id},
                                            {"history", ListOf(sample.history)},
                                            {"embedding", ListOf(sample.embedding)},
                                            {"items", ListOf(sample.top_items)},
                                            {"scores", ListOf(sample.top_scores)}});
}

Result<GoldenSample> ParseGoldenLine(std::string_view line) {
  TANDEM_ASSIGN_OR_RETURN(const Json json, format::ParseJson(line));
  GoldenSample sample;
  TANDEM_ASSIGN_OR_RETURN(sample.user_id, TextAt(json, "user"));
  TANDEM_ASSIGN_OR_RETURN(sample.history, ListAt<std::string>(json, "history", ToText));
  TANDEM_ASSIGN_OR_RETURN(sample.embedding, ListAt<float>(json, "embedding", ToFloat));
  TANDEM_ASSIGN_OR_RETURN(sample.top_items, ListAt<int32_t>(json, "items", ToInt32));
  TANDEM_ASSIGN_OR_RETURN(sample.top_scores, ListAt<float>(json, "scores", ToFloat));
  return sample;
}

}  // namespace tandem::bundle
