// The items that a filter admits, with their sketches side by side, some thousand at a time: made
// once for all queries of a call, where the items are few enough to be bounded one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tandem/index/bitmap.h"
#include "tandem/index/scan_data.h"

namespace tandem::index {

class Admitted {
 public:
  // Both outlive this; data.sketch_groups is not zero, filter is of data.n items and admits
  // `count`.
  Admitted(const ScanData& data, const Bitmap& filter, size_t count);

  // Gathers the next items; false where no more are left.
  bool Next();
  // They, until the next ones are gathered.
  TileSet Tiles() const;

 private:
  const ScanData& data_;
  const std::span<const uint64_t> words_;
  const double density_;              // of the filter
  size_t word_ = 0;                   // where to go on
  const size_t room_;                 // items at a time, whole tiles; used while 64 are left
  std::unique_ptr<int32_t[]> items_;  // [room] ascending
  std::unique_ptr<uint8_t[]> tiles_;  // their sketches; behind the last, anything
  size_t count_ = 0;
};

}  // namespace tandem::index
