// What a model is made of: everything that changes its forward pass, and nothing else.
// Plain values, written into a bundle's manifest and read back from there.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::model {

// What the query tower knows of a user.
enum class QueryFeature {
  kUserId,   // an embedding of the id; an unknown user is row 0 of the table
  kHistory,  // the mean of the embeddings of the items in the user's history (own table)
};

// What the item tower knows of an item; with both, the two embeddings are added.
enum class ItemFeatures {
  kId,
  kIdAndCategories,  // id plus the mean embedding of the item's categories
};

// Where the popularity of an item enters the score.
enum class PopularityTerm {
  kNone,
  // The last coordinate is 1 in a query and the log of the item's share of the training
  // interactions in an item: a plain dot product then ranks with the bias inside.
  kLastCoordinate,
};

enum class RatingHead {
  kNone,
  kMlp,      // ReLU layers on [query | item] embeddings, one output
  kFactors,  // mean + user bias + item bias + (p_u + sum of y_j over history / sqrt(n)) . q_i
};

// How embedding tables start: U(-.05, .05) as in Keras, or N(0, .05).
enum class EmbeddingInit { kUniform, kNormal };

std::string_view Name(QueryFeature value);
std::string_view Name(ItemFeatures value);
std::string_view Name(PopularityTerm value);
std::string_view Name(RatingHead value);
std::string_view Name(EmbeddingInit value);

// kInvalidArgument names the text and the choices.
Result<QueryFeature> ParseQueryFeature(std::string_view text);
Result<ItemFeatures> ParseItemFeatures(std::string_view text);
Result<PopularityTerm> ParsePopularityTerm(std::string_view text);
Result<RatingHead> ParseRatingHead(std::string_view text);
Result<EmbeddingInit> ParseEmbeddingInit(std::string_view text);

struct ModelConfig {
  int64_t dimension = 32;  // of query and item embeddings, 2 to 4096
  QueryFeature query = QueryFeature::kUserId;
  ItemFeatures item = ItemFeatures::kId;
  PopularityTerm popularity = PopularityTerm::kNone;
  RatingHead rating = RatingHead::kMlp;
  std::vector<int64_t> rating_layers = {256, 128};  // hidden units of kMlp
  int64_t rating_dimension = 32;                    // of p, q and y of kFactors
  EmbeddingInit embedding_init = EmbeddingInit::kUniform;
};

// Rows of the tables, each without the unknown row that a table has before them.
struct ModelSizes {
  int64_t users = 0;
  int64_t items = 0;
  int64_t categories = 0;
};

Status Validate(const ModelConfig& config);

}  // namespace tandem::model
