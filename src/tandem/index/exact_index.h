// Exact search by a scan of all items in SIMD.
//
// Rows are kept in order of descending norm, in blocks. By Cauchy and Schwarz no item of a block
// scores above |query| times the block's largest norm: the scan stops at the first block that
// cannot reach the k-th best score so far. Items that are excluded or not in the
// filter are passed over inside the scan.
#pragma once

#include <memory>
#include <vector>

#include "tandem/index/item_index.h"

namespace tandem::index {

class ExactIndex final : public ItemIndex {
 public:
  // Copies rows [n, d]. kInvalidArgument: d < 1, a length other than n * d, a number that is not
  // finite (named by its row).
  static Result<std::unique_ptr<ExactIndex>> Create(std::span<const float> rows, int64_t n,
                                                    int64_t d);

  Status Search(std::span<const float> queries, const SearchOptions& options,
                std::span<int32_t> ids, std::span<float> scores) const override;
  bool is_exact() const override { return true; }
  int64_t size() const override { return static_cast<int64_t>(item_of_.size()); }
  int64_t dimension() const override { return static_cast<int64_t>(dimension_); }

 private:
  ExactIndex() = default;
  void SearchOne(std::span<const float> query, std::span<const int32_t> exclude,
                 const Bitmap* filter, std::span<int32_t> ids, std::span<float> scores) const;

  size_t dimension_ = 0;
  std::vector<float> rows_;          // [n, d], norms descending
  std::vector<int32_t> item_of_;     // [n] the item row of each
  std::vector<double> block_norms_;  // largest norm of each block
  double bound_factor_ = 1;          // see exact_index.cc
  double bound_term_ = 0;
};

}  // namespace tandem::index
