// One tree of an Annoy index, built over the vectors of items.
//
// Nodes are in post-order and numbered from 0 on; the root is kept apart, as it is copied to the
// end of the file. Same items, rng and options: the same tree. Safe to call from many threads.
// Source: Annoy 1.17 (two means, three tries for a split that is less than 95 % one-sided, coins
// where none below 99 % is found).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

// The vectors that trees are built over.
struct TreeItems {
  std::vector<int32_t> ids;   // [n], ascending
  std::vector<float> points;  // [n, width]
  size_t width = 0;           // the dimension; of dot one more, with the coordinate first
  int32_t n_items = 0;        // the largest id + 1

  std::span<const float> Point(size_t row) const {
    return std::span(points).subspan(row * width, width);
  }
};

struct Tree {
  std::string nodes;  // whole nodes; children that are nodes are n_items + number
  std::string root;   // one node
};

Tree BuildTree(const Layout& layout, const TreeItems& items, Rng rng);

}  // namespace tandem::index::annoy
