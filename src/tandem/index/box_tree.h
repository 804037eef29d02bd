// The order of items in which neighbours are alike, and boxes around runs of them.
//
// A k-d tree (Bentley, 1975) over three sides of each item: its parts along two axes and the norm
// of the rest. Its leaves are tiles, and whole blocks of tiles where there are some.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::index {

struct Point {
  std::array<float, 3> at;  // along two axes, norm of the rest
  int32_t item;
};

// Puts points in the order of the tree's leaves; the same points give the same order.
void OrderByTree(std::span<Point> points);

// Of each run of `size` points, the last one shorter: the sides of Boxes (scan_data.h).
std::vector<float> BoxesOf(std::span<const Point> points, size_t size);

}  // namespace tandem::index
