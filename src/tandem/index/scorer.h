// Scores the items that a scan picks and keeps the k best of those that are asked for. For one
// query and one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/index/bitmap.h"
#include "tandem/index/scan_data.h"
#include "tandem/index/top_k.h"

namespace tandem::index {

// What one query asks for.
struct Wanted {
  size_t k = 0;                      // at most n
  std::span<const int32_t> exclude;  // ascending
  const Bitmap* filter = nullptr;    // null: all
  size_t admitted = 0;               // how many items the filter admits, n without one

  // How many of the best of what the filter admits hold about the k best, where some of what users
  // leave out is near the top.
  size_t LikelyRank() const { return k + exclude.size() / 32; }
};

class Scorer {
 public:
  // All must outlive it. query [dimension].
  Scorer(const ScanData& data, std::span<const float> query, const Wanted& wanted);

  // How many of the best of all items hold about the k best of those asked for.
  size_t LikelyRank() const { return likely_rank_; }
  // No score below this can be among the k best, as far as what is scored tells.
  float threshold() const { return best_.threshold(); }
  // Scores what is pending and makes the threshold that of all so far; which share of k there is.
  double Tighten();

  // Rows of a tile, a bit a row; each of them once. Bits behind the last row are passed over.
  void PickRows(const TileSet& set, size_t tile, uint64_t rows);
  // An item that the filter admits.
  void PickItem(int32_t item);
  // Scores what is pending.
  void Flush();
  // Best first; after that it is over.
  std::span<const Hit> Sorted() { return best_.Sorted(); }

 private:
  void Add(size_t row, int32_t item);
  void Score(const float* rows, std::span<const uint32_t> which, std::span<float> scores) const;

  static constexpr size_t kMostPending = 128;

  const ScanData& data_;
  std::span<const float> query_;
  size_t likely_rank_;
  std::span<const int32_t> excluded_;  // ascending
  const Bitmap* filter_;
  TopK best_;
  // Not scored yet:
  size_t pending_count_ = 0;
  uint32_t pending_rows_[kMostPending];
  int32_t pending_items_[kMostPending];
};

}  // namespace tandem::index
