#include "tandem/index/admitted.h"

#include <cstring>

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;
constexpr size_t kGroup = math::kTileGroup;

}  // namespace

Admitted::Admitted(const ScanData& data, const Bitmap& filter, size_t count)
    : data_(data),
      items_(count),
      tiles_((count + kTile - 1) / kTile * kTile * data.sketch_bytes()) {
  if (data.sketch_groups == 1) Gather<1>(filter);
  if (data.sketch_groups == 2) Gather<2>(filter);
  if (data.sketch_groups == 3) Gather<3>(filter);
  if (data.sketch_groups == 4) Gather<4>(filter);
  static_assert(kMostSketchGroups == 4);
}

// Of one number of groups, so that a sketch is copied by so many moves.
template <size_t kGroups>
void Admitted::Gather(const Bitmap& filter) {
  size_t count = 0;
  filter.ForEach([&](int32_t item) {
    const uint8_t* const from =
        data_.sketches.data() + static_cast<size_t>(item) * kGroups * kGroup;
    uint8_t* const to = tiles_.data() + (count / kTile * kGroups * kTile + count % kTile) * kGroup;
    for (size_t group = 0; group < kGroups; ++group) {
      std::memcpy(to + group * kTile * kGroup, from + group * kGroup, kGroup);
    }
    items_[count++] = item;
  });
}

TileSet Admitted::Tiles() const {
  return {.bytes = tiles_.data(),
          .codes = std::span(&data_.sketch_code, 1),
          .rows = items_.size(),
          .items = items_};
}

}  // namespace tandem::index
