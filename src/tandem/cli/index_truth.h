// What a search should have found: a scan of all rows of an index, in double.
//
// A hit is an item whose true score reaches the true k-th score, less a millionth of it: of items
// that tie, any will do. Recall is the share of hits among the items that there are to be found, at
// most k for each query; an item found twice counts once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/cli/index_input.h"

namespace tandem::cli {

// The k-th best true score of a query, and how many items reach it at most: fewer than k where no
// more may be found.
struct TrueTop {
  double kth = 0;
  int64_t count = 0;
};

// For each query. Time n * q * d, on all threads.
std::vector<TrueTop> FindTrueTops(const index::IndexFile& index, const Vectors& queries,
                                  const Restriction& restriction, int64_t k, Workers& workers);

// Of rows [q, k] that a search found, -1 where none; 1 where there is nothing to be found.
double Recall(const index::IndexFile& index, const Vectors& queries, std::span<const TrueTop> tops,
              std::span<const int32_t> rows);

}  // namespace tandem::cli
