// Whether nodes of a given layout are an index of Annoy: everything that a search relies on.
//
// What is checked makes every walk end: the two children of a split have as many descendants
// together as it has, those of a root as many as there are items, so that numbers shrink from node
// to child; and a node is named by one split,
// or by two roots (a root and its copy), so that all walks together are as long as the file.
// Time and memory are linear in the number of nodes. Errors: kDataLoss, naming node and field.
// Safe to call from many threads.
#pragma once

#include <cstdint>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

struct Forest {
  int32_t n_items = 0;         // the largest id + 1
  std::vector<int32_t> roots;  // as Annoy finds and counts them, last node first
};

// How much must be as Annoy writes it.
enum class Strictness {
  kSafe,   // what a search relies on, and the parts of an item that its metric gives a value to
  kUsual,  // and what tells one metric from another: ids of a leaf ascend, dot_factor^2 + |v|^2 is
           // the same for all items, padding is 0
};

Result<Forest> CheckNodes(const Nodes& nodes, Strictness strictness);

// Whether all items of an angular file lack |v|^2, as those of Annoy before 1.8 do; they then look
// like those of dot, one dimension less.
bool LacksNorms(const Nodes& nodes, int32_t n_items);

}  // namespace tandem::index::annoy
