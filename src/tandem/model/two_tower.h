// The model: a query tower, an item tower, and a rating head, forward only.
//
// Trainer and servers call the same functions; whether gradients are recorded is the tape's
// business. Rows are those of a dataset or bundle: users 0..u-1, items 0..n-1, -1 unknown (row
// + 1 is the row of a table, 0 the unknown one). Spans are copied where they must outlive a call.
// Const use with tapes that do not record is thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/base/status.h"
#include "tandem/model/config.h"
#include "tandem/nn/layers.h"

namespace tandem::model {

// q users. A tower that takes no history leaves it unread, one without ids those.
struct QueryInput {
  std::span<const int32_t> users;            // [q] rows
  std::span<const int64_t> history_offsets;  // [q + 1]
  std::span<const int32_t> history;          // item rows, none unknown
};

// m items.
struct ItemInput {
  std::span<const int32_t> items;             // [m] rows
  std::span<const int64_t> category_offsets;  // [m + 1]; empty where the tower takes none
  std::span<const int32_t> categories;        // ids, 1 and up
};

// p pairs of a user and an item: places in a QueryInput and an ItemInput.
struct PairInput {
  std::span<const int32_t> query_of;  // [p]
  std::span<const int32_t> item_of;   // [p]
};

// What the factors of the rating head are for the rows of one call; see RatingConfig's l2.
struct FactorRows {
  nn::Var user_bias;      // [q, 1]
  nn::Var item_bias;      // [m, 1]
  nn::Var user_factors;   // [q, f]
  nn::Var item_factors;   // [m, f]
  nn::Var history_items;  // [m, f] what the items contribute when they are in a history
};

struct Ratings {
  nn::Var prediction;                 // [p, 1]
  std::optional<FactorRows> factors;  // of a kFactors head
};

class TwoTower {
 public:
  // Parameters as config.embedding_init says, from streams of `rng` named by the parameter.
  static Result<std::unique_ptr<TwoTower>> Create(const ModelConfig& config,
                                                  const ModelSizes& sizes, const Rng& rng);

  const ModelConfig& config() const { return config_; }
  const ModelSizes& sizes() const { return sizes_; }

  // [q, d]; every element of `input` is checked by the caller.
  nn::Var EncodeQueries(nn::Tape& tape, const QueryInput& input) const;
  // [m, d]
  nn::Var EncodeItems(nn::Tape& tape, const ItemInput& input) const;
  // Ratings of pairs; `queries` [q, d] and `items` [m, d] are what the towers gave for the same
  // inputs. The config has a rating head.
  Ratings PredictRatings(nn::Tape& tape, nn::Var queries, nn::Var items, const QueryInput& query,
                         const ItemInput& item, const PairInput& pairs) const;

  // All values that a bundle must keep, in a fixed order with unique names; valid while this
  // lives. Two of them are set, not learned, and never have a gradient (below).
  std::vector<nn::Parameter*> Parameters();
  std::vector<const nn::Parameter*> Parameters() const;

  // counts [n] of training interactions: sets log((count + 1) / (total + n)) for kLastCoordinate.
  void SetPopularity(std::span<const int64_t> counts);
  // Sets the mean rating that a kFactors head adds to.
  void SetMeanRating(float mean);

 private:
  TwoTower(const ModelConfig& config, const ModelSizes& sizes) : config_(config), sizes_(sizes) {}
  void AddTowers(const Rng& rng);
  void AddRatingHead(const Rng& rng);
  Ratings PredictByFactors(nn::Tape& tape, const QueryInput& query, const ItemInput& item,
                           const PairInput& pairs) const;

  ModelConfig config_;
  ModelSizes sizes_;
  std::optional<nn::EmbeddingTable> user_;            // [u + 1, e], kUserId
  std::optional<nn::EmbeddingTable> history_;         // [n + 1, e], kHistory
  std::optional<nn::EmbeddingTable> item_;            // [n + 1, e]
  std::optional<nn::EmbeddingTable> category_;        // [c + 1, e], kIdAndCategories
  std::optional<nn::Parameter> log_popularity_;       // [n + 1, 1], kLastCoordinate
  std::optional<nn::Mlp> rating_mlp_;                 // kMlp
  std::optional<nn::Parameter> rating_mean_;          // [1, 1], kFactors from here on
  std::optional<nn::EmbeddingTable> user_bias_;       // [u + 1, 1]
  std::optional<nn::EmbeddingTable> item_bias_;       // [n + 1, 1]
  std::optional<nn::EmbeddingTable> user_factor_;     // [u + 1, f]
  std::optional<nn::EmbeddingTable> item_factor_;     // [n + 1, f]
  std::optional<nn::EmbeddingTable> history_factor_;  // [n + 1, f]
};

}  // namespace tandem::model
