#include "tandem/index/admitted.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;
constexpr size_t kGroup = math::kTileGroup;
constexpr size_t kMost = 8192;  // items at a time: with 16 bytes each they stay in the cache

}  // namespace

Admitted::Admitted(const ScanData& data, const Bitmap& filter)
    : data_(data),
      words_(filter.words()),
      items_(std::min(kMost, (data.n + kTile - 1) / kTile * kTile)),
      tiles_(items_.size() * data.sketch_bytes()) {}

bool Admitted::Next() {
  if (data_.sketch_groups == 1) count_ = Gather<1>();
  if (data_.sketch_groups == 2) count_ = Gather<2>();
  if (data_.sketch_groups == 3) count_ = Gather<3>();
  if (data_.sketch_groups == 4) count_ = Gather<4>();
  static_assert(kMostSketchGroups == 4);
  return count_ > 0;
}

// Of one number of groups, so that a sketch is copied by so many moves. Bytes may be written to
// anything, as far as the compiler knows: what the loop needs is in variables of its own.
template <size_t kGroups>
size_t Admitted::Gather() {
  constexpr size_t kBytes = kGroups * kGroup;
  const uint8_t* const sketches = data_.sketches.data();
  uint8_t* const tiles = tiles_.data();
  int32_t* const items = items_.data();
  const size_t most = items_.size();
  uint64_t left = left_;
  size_t word = word_;
  size_t count = 0;
  while (count < most) {
    if (left == 0) {
      if (word == words_.size()) break;
      left = words_[word++];
      continue;
    }
    const size_t item = (word - 1) * 64 + static_cast<size_t>(std::countr_zero(left));
    left &= left - 1;
    uint8_t* const to = tiles + (count / kTile * kGroups * kTile + count % kTile) * kGroup;
    for (size_t group = 0; group < kGroups; ++group) {
      std::memcpy(to + group * kTile * kGroup, sketches + item * kBytes + group * kGroup, kGroup);
    }
    items[count++] = static_cast<int32_t>(item);
  }
  left_ = left;
  word_ = word;
  return count;
}

TileSet Admitted::Tiles() const {
  return {.bytes = tiles_.data(),
          .codes = std::span(&data_.sketch_code, 1),
          .rows = count_,
          .items = std::span(items_).first(count_)};
}

}  // namespace tandem::index
