// Batches: which interactions go into a step, and what the step sees of them.
//
// A batch holds each of its users and items once; interactions point at them. So a step encodes
// an item once however often it occurs, and a softmax over the batch collapses its columns to
// the unique items with their counts.
//
// BatchPlan is immutable and safe to use from many threads; its batches depend on the seed and
// the epoch alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/data/history.h"

namespace tandem::data {

// n interactions of q users with m items.
struct Batch {
  std::vector<int32_t> queries;    // [q] user rows, ascending
  std::vector<int32_t> items;      // [m] item rows, ascending
  std::vector<float> item_counts;  // [m] interactions of each in this batch; they sum to n

  std::vector<int32_t> query_of;  // [n] places in queries
  std::vector<int32_t> item_of;   // [n] places in items
  std::vector<float> ratings;     // [n]
  std::vector<float> weights;     // [n], 1 unless a caller changes them

  // What user queries[i] has in training: the item rows
  // history[history_offsets[i] .. history_offsets[i + 1]), ascending.
  std::vector<int64_t> history_offsets = {0};  // [q + 1]
  std::vector<int32_t> history;

  int64_t size() const { return static_cast<int64_t>(query_of.size()); }
};

// The interactions at `rows`, all of known users and items. `history` is of the same users.
Batch MakeBatch(const Interactions& interactions, const History& history,
                std::span<const int64_t> rows);

enum class GroupBy {
  kInteraction,  // `size` interactions in a batch
  kUser,         // all interactions of `size` users in a batch
};

// All fields change results.
struct BatchOptions {
  GroupBy group_by = GroupBy::kInteraction;
  int64_t size = 8192;     // the last batch of an epoch may be smaller; 0: everything in one
  bool reshuffle = false;  // new batches in every epoch; else those of epoch 0 again and again
  uint64_t seed = 42;
};

class BatchPlan {
 public:
  // kInvalidArgument: no interactions, a negative size.
  static Result<BatchPlan> Create(const Interactions& interactions, const BatchOptions& options);

  int64_t batches() const;
  bool reshuffles() const { return options_.reshuffle; }
  // The interactions of each batch of an epoch, [batches()] lists; every interaction is in one.
  // By user, a user's interactions follow one another in the order of the data.
  std::vector<std::vector<int64_t>> Epoch(int64_t epoch) const;

 private:
  explicit BatchPlan(const BatchOptions& options) : options_(options) {}

  BatchOptions options_;
  // Unit i, a user or one interaction, is rows_[offsets_[i] .. offsets_[i + 1]).
  std::vector<int64_t> rows_;
  std::vector<int64_t> offsets_ = {0};
};

}  // namespace tandem::data
