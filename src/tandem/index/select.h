// Selecting and sorting of distinct integers without branches that depend on them; kLeastVectorSort
// and more are sorted by math/sort.h.
//
// A search keeps some hundred keys and cuts them down again and again: there the standard
// algorithms spend their time on mispredicted comparisons. Here a partition writes each key to
// both sides and moves one of two ends on. Three times as fast for a hundred keys, the result is
// the same. Where pivots are bad for long, the standard algorithm ends it in O(n log n).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "tandem/math/sort.h"

namespace tandem::index {

// Integers in the order of floats that are not NaN; both zeros are one.
inline uint32_t OrderedBits(float x) {
  const auto bits = std::bit_cast<uint32_t>(x + 0.0F);
  return bits ^ (bits >> 31 != 0 ? 0xFFFFFFFFU : 0x80000000U);
}

namespace select_internal {

// Puts the keys above a pivot first, then the pivot, then the rest, and returns its place. keys is
// not empty, scratch as long.
inline size_t Partition(std::span<uint64_t> keys, std::span<uint64_t> scratch) {
  const uint64_t a = keys.front();
  const uint64_t b = keys[keys.size() / 2];
  const uint64_t c = keys.back();
  const uint64_t pivot = std::max(std::min(a, b), std::min(std::max(a, b), c));
  size_t above = 0;
  size_t below = 0;
  for (const uint64_t key : keys) {
    const bool is_above = key > pivot;
    keys[above] = key;
    scratch[below] = key;
    above += is_above ? 1 : 0;
    below += is_above ? 0 : 1;
  }
  const std::span<uint64_t> rest = keys.subspan(above);
  std::copy_n(scratch.begin(), below, rest.begin());
  std::swap(*std::find(rest.begin(), rest.end(), pivot), rest.front());
  return above;
}

// Partitions before the standard algorithm takes over: more than random pivots need.
inline int MostPartitions(size_t n) { return 4 * static_cast<int>(std::bit_width(n)); }

inline void Sort(std::span<uint64_t> keys, std::span<uint64_t> scratch, int left) {
  while (keys.size() > 12 && left-- > 0) {
    const size_t place = Partition(keys, scratch);
    Sort(keys.first(place), scratch, left);
    keys = keys.subspan(place + 1);
  }
  std::sort(keys.begin(), keys.end(), std::greater<>());
}

}  // namespace select_internal

// Puts the k largest of keys first, in any order, the smallest of them at k - 1; 1 <= k <= n.
// scratch [n] holds anything before and after.
inline void SelectLargest(std::span<uint64_t> keys, size_t k, std::span<uint64_t> scratch) {
  int left = select_internal::MostPartitions(keys.size());
  while (keys.size() > 8 && left-- > 0) {
    const size_t place = select_internal::Partition(keys, scratch);
    if (place + 1 == k) return;
    if (place >= k) {
      keys = keys.first(place);
    } else {
      keys = keys.subspan(place + 1);
      k -= place + 1;
    }
  }
  std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(k) - 1, keys.end(),
                   std::greater<>());
}

// From so many keys on, vectors make up for what they take to begin.
inline constexpr size_t kLeastVectorSort = 48;

// scratch [n] holds anything before and after.
inline void SortDescending(std::span<uint64_t> keys, std::span<uint64_t> scratch) {
  if (keys.size() >= kLeastVectorSort) return math::SortDescending(keys);
  select_internal::Sort(keys, scratch, select_internal::MostPartitions(keys.size()));
}

}  // namespace tandem::index
