#include "tandem/model/config.h"

#include <array>
#include <span>

namespace tandem::model {
namespace {

template <typename T>
struct Choice {
  T value;
  std::string_view name;
};

constexpr std::array<Choice<QueryFeature>, 2> kQueryFeatures = {
    {{QueryFeature::kUserId, "user_id"}, {QueryFeature::kHistory, "history"}}};
constexpr std::array<Choice<ItemFeatures>, 2> kItemFeatures = {
    {{ItemFeatures::kId, "id"}, {ItemFeatures::kIdAndCategories, "id_and_categories"}}};
constexpr std::array<Choice<PopularityTerm>, 2> kPopularityTerms = {
    {{PopularityTerm::kNone, "none"}, {PopularityTerm::kLastCoordinate, "last_coordinate"}}};
constexpr std::array<Choice<RatingHead>, 3> kRatingHeads = {
    {{RatingHead::kNone, "none"}, {RatingHead::kMlp, "mlp"}, {RatingHead::kFactors, "factors"}}};
constexpr std::array<Choice<EmbeddingInit>, 2> kEmbeddingInits = {
    {{EmbeddingInit::kUniform, "uniform"}, {EmbeddingInit::kNormal, "normal"}}};

template <typename T>
std::string_view NameOf(std::span<const Choice<T>> choices, T value) {
  for (const Choice<T>& choice : choices) {
    if (choice.value == value) return choice.name;
  }
  return "?";
}

template <typename T>
Result<T> Parse(std::span<const Choice<T>> choices, std::string_view what, std::string_view text) {
  std::string known;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) return choice.value;
    known += StrCat(known.empty() ? "" : ", ", choice.name);
  }
  return InvalidArgumentError(what, " '", text, "' is not known; the choices are ", known);
}

Status CheckRange(std::string_view name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return InvalidArgumentError("model.", name, " is ", value, ", expected ", low, " to ", high);
}

}  // namespace

std::string_view Name(QueryFeature value) { return NameOf<QueryFeature>(kQueryFeatures, value); }
std::string_view Name(ItemFeatures value) { return NameOf<ItemFeatures>(kItemFeatures, value); }
std::string_view Name(PopularityTerm value) {
  return NameOf<PopularityTerm>(kPopularityTerms, value);
}
std::string_view Name(RatingHead value) { return NameOf<RatingHead>(kRatingHeads, value); }
std::string_view Name(EmbeddingInit value) { return NameOf<EmbeddingInit>(kEmbeddingInits, value); }

Result<QueryFeature> ParseQueryFeature(std::string_view text) {
  return Parse<QueryFeature>(kQueryFeatures, "query tower", text);
}
Result<ItemFeatures> ParseItemFeatures(std::string_view text) {
  return Parse<ItemFeatures>(kItemFeatures, "item tower", text);
}
Result<PopularityTerm> ParsePopularityTerm(std::string_view text) {
  return Parse<PopularityTerm>(kPopularityTerms, "popularity term", text);
}
Result<RatingHead> ParseRatingHead(std::string_view text) {
  return Parse<RatingHead>(kRatingHeads, "rating head", text);
}
Result<EmbeddingInit> ParseEmbeddingInit(std::string_view text) {
  return Parse<EmbeddingInit>(kEmbeddingInits, "embedding start", text);
}

Status Validate(const ModelConfig& config) {
  TANDEM_RETURN_IF_ERROR(CheckRange("dimension", config.dimension, 2, 4096));
  TANDEM_RETURN_IF_ERROR(CheckRange("rating_dimension", config.rating_dimension, 1, 4096));
  if (config.rating_layers.size() > 16) {
    return InvalidArgumentError("model.rating_layers has ", config.rating_layers.size(),
                                " layers, expected at most 16");
  }
  for (const int64_t units : config.rating_layers) {
    TANDEM_RETURN_IF_ERROR(CheckRange("rating_layers", units, 1, 65536));
  }
  return {};
}

}  // namespace tandem::model
