// The seam of retrieval: which k items have the largest inner product with a query?
//
// Items are rows 0..n-1 of d floats. Immutable and safe to search from many threads.
#pragma once

#include <cstdint>
#include <span>

#include "tandem/base/status.h"
#include "tandem/index/bitmap.h"

namespace tandem::index {

// Per search; every field changes results.
struct SearchOptions {
  int64_t k = 10;
  // For query i, item rows that must not be found, ascending. Empty: nothing is left out;
  // otherwise one list for each query. Rows outside of 0..n-1 are passed over.
  std::span<const std::span<const int32_t>> exclude;
  // The items that may be found, of size n; not owned. Null: all.
  const Bitmap* filter = nullptr;
};

class ItemIndex {
 public:
  virtual ~ItemIndex() = default;

  // queries [q, d] -> ids [q, k] and scores [q, k], best first, ties by smaller row. Where fewer
  // than k items are left, the ids that are missing are -1 and their scores -infinity.
  //
  // Scores are floats: one beyond the largest of them, 3.4e38, is infinite, and items with such a
  // score are ranked among each other by their row. Up to that, ranks are right whatever the
  // numbers; below 1e18 in the length of queries and items nothing is infinite.
  //
  // kInvalidArgument: k < 1, spans or a filter of other sizes than these, a query that is not
  // finite.
  virtual Status Search(std::span<const float> queries, const SearchOptions& options,
                        std::span<int32_t> ids, std::span<float> scores) const = 0;
  // Whether Search always finds the true k best: only then may ranks be counted from its scores.
  virtual bool is_exact() const = 0;
  // The vector of a row in 0..size()-1 as the index holds it, to `vector` [d]: what scores are
  // made of (of length 1 for cosine, rounded where rows are kept as bytes).
  virtual void CopyVector(int32_t row, std::span<float> vector) const = 0;
  virtual int64_t size() const = 0;
  virtual int64_t dimension() const = 0;
};

}  // namespace tandem::index
