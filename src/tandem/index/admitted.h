// The items that a filter admits, with their sketches side by side: made once for all queries of a
// call, where the items are few enough to be bounded one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/index/bitmap.h"
#include "tandem/index/scan_data.h"

namespace tandem::index {

class Admitted {
 public:
  // data.sketch_groups is not zero and the data outlives this; filter of data.n items, `count` of
  // which it admits.
  Admitted(const ScanData& data, const Bitmap& filter, size_t count);

  TileSet Tiles() const;

 private:
  template <size_t kGroups>
  void Gather(const Bitmap& filter);

  const ScanData& data_;
  std::vector<int32_t> items_;  // ascending
  std::vector<uint8_t> tiles_;  // their sketches, zeros behind the last
};

}  // namespace tandem::index
