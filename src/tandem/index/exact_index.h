// Exact search: a scan of cheap upper bounds in SIMD, and the inner products of what they cannot
// rule out.
//
// With the mean m of the items, h orthonormal axes W, and x - m = W y + r,
//   q . x = q . m + (W' q) . y + (rest of q) . r
//        <= q . m + (W' q) . y~ + |W' q| |y - y~| + |rest of q| |r|,
// where y~ is y as bfloat16. That is an inner product of h + 2 numbers of two bytes each: the scan
// reads these instead of d floats, and an item is scored, in float, only where its bound plus what
// rounding can do reaches the k-th best score so far. The axes are the few in which most of the
// spread of the items lies; where no few will do, the coordinates themselves.
//
// Items are in order of their part along the first axis (of |x - m| where there are no axes), in
// blocks, and the scan begins at the end where scores are high. By Cauchy and Schwarz it passes
// over a block none of whose items can reach that score. Items that are excluded or not in the
// filter are passed over inside the scan. Memory: 4 d + 2 h + 8 bytes an item.
#pragma once

#include <memory>
#include <vector>

#include "tandem/index/item_index.h"

namespace tandem::index {

class TopK;

class ExactIndex final : public ItemIndex {
 public:
  ~ExactIndex() override;

  // Copies rows [n, d]. kInvalidArgument: d < 1, a length other than n * d, a number that is not
  // finite (named by its row).
  static Result<std::unique_ptr<ExactIndex>> Create(std::span<const float> rows, int64_t n,
                                                    int64_t d);

  Status Search(std::span<const float> queries, const SearchOptions& options,
                std::span<int32_t> ids, std::span<float> scores) const override;
  bool is_exact() const override { return true; }
  int64_t size() const override { return static_cast<int64_t>(item_of_.size()); }
  int64_t dimension() const override { return static_cast<int64_t>(dimension_); }
  // The axes that the scan reads, h; d where it reads the coordinates themselves.
  int64_t axes() const { return static_cast<int64_t>(head_); }

 private:
  struct Query;  // a query as the scan takes it
  struct Block;  // what bounds the scores of some rows
  class Exclusions;

  ExactIndex();
  void ChooseAxes(std::span<const float> rows, size_t n);
  // The parts of x along the axes, and the norm of what is left of it.
  double Project(std::span<const double> x, std::span<double> head) const;
  void Fill(std::span<const float> rows, size_t n);
  Query Prepare(std::span<const float> query) const;
  void SearchOne(std::span<const float> query, std::span<const int32_t> exclude,
                 const Bitmap* filter, std::span<int32_t> ids, std::span<float> scores) const;
  void ScanBlock(std::span<const float> query, const Query& prepared, size_t block,
                 const Exclusions& excluded, const Bitmap* filter, TopK& best) const;

  size_t dimension_ = 0;
  size_t head_ = 0;               // h
  std::vector<double> mean_;      // [d]
  std::vector<double> axes_;      // [h, d], empty where they are the coordinates
  std::vector<uint32_t> tiles_;   // [n, h + 2] in tiles (math/kernels.h), zeros at the end
  std::vector<float> rows_;       // [n, d] in the order of the tiles
  std::vector<int32_t> item_of_;  // [n] the item row of each
  std::vector<Block> blocks_;
  double largest_norm_ = 0;  // of |x| and |x - m|
};

}  // namespace tandem::index
