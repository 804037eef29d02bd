// Factorized top-k accuracy: in what share of interactions is the item among the k best of the
// whole catalogue for its user?
//
// The rank of an item is the number of items with a strictly greater score, so ties are hits; a
// score that is not finite is a miss. With seen lists, the items that a user has in training are
// left out of the ranking, and an interaction with one of them is a miss. These are the
// semantics of TensorFlow Recommenders' FactorizedTopK in its score-based mode, computed by
// counting instead of by a top-k.
//
// A user's scores are computed once, in blocks of users, on all threads of `workers`; the result
// does not depend on their number. Memory: one block of scores for each shard, not [q, n].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/status.h"
#include "tandem/index/item_index.h"

namespace tandem::metric {

// Views; the caller keeps what they look at alive.
struct TopKInput {
  int64_t dimension = 0;              // d
  std::span<const float> queries;     // [q, d], row-major
  std::span<const float> items;       // [n, d], row-major
  std::span<const int32_t> query_of;  // [m] rows of queries
  std::span<const int32_t> item_of;   // [m] rows of items; -1, an unknown item, is a miss
  std::span<const float> weights;     // [m], finite and >= 0; empty: all 1
  // Items to leave out for query i: seen[seen_offsets[i] .. seen_offsets[i + 1]), ascending,
  // each once. Both empty: nothing is left out.
  std::span<const int64_t> seen_offsets;  // [q + 1]
  std::span<const int32_t> seen;
};

// The numbers of interest, as in the tutorials.
inline constexpr int64_t kUsualKs[] = {1, 5, 10, 50, 100};

// One accuracy in [0, 1] for each of `ks`: the weighted mean of the hits.
// kInvalidArgument: shapes that do not fit, rows out of range, k < 1, no interactions or no
// weight at all.
Result<std::vector<double>> TopKAccuracy(const TopKInput& input, std::span<const int64_t> ks,
                                         Workers& workers);

// OK where the scores that an index finds are the best there are, so that ranks may be counted
// from them; kFailedPrecondition for an approximate index, which must be judged by ids.
Status CheckExact(const index::ItemIndex& index);

}  // namespace tandem::metric
