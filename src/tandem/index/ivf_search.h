// What the files of IvfIndex share; internal to them.
#pragma once

#include <algorithm>
#include <vector>

#include "tandem/base/aligned_buffer.h"
#include "tandem/index/ivf_index.h"

namespace tandem::index {

struct IvfIndex::Owned {
  std::vector<float> centre;
  std::vector<float> query_map;
  std::vector<float> centroids;
  std::vector<float> steps;
  std::vector<uint32_t> list_begin;
  std::vector<uint32_t> tile_begin;
  AlignedBuffer<uint8_t> codes;
  std::vector<float> rows;
  std::vector<int32_t> item_of;
  std::vector<int32_t> place_of;
};

struct IvfIndex::Query {
  std::vector<float> coordinates;  // u [part], then what the spread of a list is worth
  std::vector<int8_t> factors;     // [h], u in whole numbers
  float unit = 1;                  // of these numbers
  float factor_sum = 0;
  float reach = 0;  // the sum of |u|: what a residual can add, in steps of half the range
};

struct IvfIndex::Candidate {
  float score;
  uint32_t place;
};

// Kept from query to query of one call.
struct IvfIndex::Scratch {
  std::vector<float> keys;       // [lists], then the scores of rows
  std::vector<int32_t> bins;     // [lists]
  std::vector<int32_t> order;    // [lists], best first up to the width of a bin
  std::vector<uint32_t> counts;  // by bin
  std::vector<int32_t> places;
  std::vector<int16_t> sums;
  std::vector<Candidate> found;
  std::vector<uint32_t> rows;  // of found
};

// Excluded items are what scores high, and looked for in a small filter of bits first.
class IvfIndex::Admission {
 public:
  // `exclude`, ascending, and `filter` must outlive this.
  Admission(std::span<const int32_t> exclude, const Bitmap* filter)
      : exclude_(exclude), filter_(filter) {
    if (exclude.empty()) return;
    bits_.assign(kBits / 64, 0);
    for (const int32_t item : exclude) bits_[Word(item)] |= Bit(item);
  }

  bool takes_all() const { return exclude_.empty() && filter_ == nullptr; }
  size_t excluded() const { return exclude_.size(); }
  const Bitmap* filter() const { return filter_; }
  bool Takes(int32_t item) const {
    if (filter_ != nullptr && !filter_->Contains(item)) return false;
    if (exclude_.empty() || (bits_[Word(item)] & Bit(item)) == 0) return true;
    return !std::binary_search(exclude_.begin(), exclude_.end(), item);
  }

 private:
  static constexpr size_t kBits = 1 << 15;
  static size_t Word(int32_t item) { return static_cast<uint32_t>(item) % kBits / 64; }
  static uint64_t Bit(int32_t item) { return uint64_t{1} << (static_cast<uint32_t>(item) % 64); }

  std::span<const int32_t> exclude_;
  const Bitmap* filter_;
  std::vector<uint64_t> bits_;
};

}  // namespace tandem::index
