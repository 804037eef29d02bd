// The exact search of one query over ScanData: bounds of blocks, then of tiles, then bytes, then
// floats. A Scan is for one query and one thread; ScanData may be shared by many.
#pragma once

#include <span>
#include <vector>

#include "tandem/index/bitmap.h"
#include "tandem/index/scan_data.h"
#include "tandem/index/top_k.h"

namespace tandem::index {

// The items that a query leaves out. What a user has seen is just what scores high, so that it is
// asked for often: a bit an item, where they are not too many to clear for each query.
class Exclusions {
 public:
  // `sorted` must outlive this; rows outside of 0..items-1 are passed over.
  Exclusions(std::span<const int32_t> sorted, size_t items);

  bool Contains(int32_t item) const;

 private:
  std::span<const int32_t> sorted_;
  std::vector<uint64_t> bits_;
};

class Scan {
 public:
  // All must outlive the scan. query [dimension], finite, for kCosine of length 1 or zero; k at
  // most n; filter null: all.
  Scan(const ScanData& data, std::span<const float> query, size_t k,
       std::span<const int32_t> exclude, const Bitmap* filter);

  // Scans the blocks from the most promising one on, at most so many.
  void Run(size_t most_blocks);
  // Scans a block unless it was scanned or cannot hold any of the k best: for several scans that
  // go through the blocks side by side.
  void Visit(size_t block);
  // Best first; after that the scan is over.
  std::span<const Hit> Sorted() { return best_.Sorted(); }

  // Instead of scanning: scores what the filter admits, one by one.
  void ScoreAdmitted();

 private:
  void Prepare();
  void BoundBlocks();
  void BoundBoxes(const Boxes& boxes, size_t begin, std::span<float> bounds) const;
  void ScanBlock(size_t block);
  void ScanTile(size_t tile);
  int32_t Bar(const TileCode& code) const;
  double Needed() const;
  void PrefetchTile(size_t tile) const;
  void Add(size_t place);
  void ScorePending();
  void ScoreRows(const float* rows, std::span<const uint32_t> places,
                 std::span<float> scores) const;

  const ScanData& data_;
  std::span<const float> query_;
  Exclusions excluded_;
  const Bitmap* filter_;
  TopK best_;

  std::vector<int8_t> codes_;        // [4 groups]
  std::vector<float> block_bounds_;  // [blocks], without shift_; -infinity: scanned
  double scale_ = 1;                 // of codes_
  double code_error_ = 0;            // |W' q' - what codes_ say|
  double norm_ = 0;                  // |W' q'|
  double offset_ = 0;                // of sums of bytes: math::kCodeOffset times the sum of codes_
  double shift_ = 0;                 // q' . m
  double slack_ = 0;                 // what rounding can do to a bound and a score
  double square_ = 0;                // |q|^2
  float along_[2] = {};              // the first two parts of W' q'
  float rest_ = 0;                   // norm of the others and of what the axes leave
  bool scores_all_ = false;
  uint32_t pending_[math::kTileRows];  // places that are not scored yet
  size_t pending_count_ = 0;
};

}  // namespace tandem::index
