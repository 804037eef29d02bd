// Vectors and files for the tests of this room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/annoy/annoy_writer.h"

namespace tandem::index::annoy::testing {

inline std::vector<float> Gaussian(size_t n, int64_t dimension, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * static_cast<size_t>(dimension));
  for (float& x : rows) x = rng.Normal();
  return rows;
}

inline std::string Build(std::span<const float> rows, int64_t dimension, AnnoyMetric metric,
                         int64_t trees, std::span<const int32_t> ids = {}) {
  BuildOptions options;
  options.metric = metric;
  options.trees = trees;
  return BuildAnnoyFile(rows, dimension, ids, options).value();
}

template <typename T>
void Put(std::string& bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

// The items below a node, ascending; a root of few items names id 0 after them.
inline std::vector<int32_t> ItemsBelow(const Nodes& nodes, int32_t n_items, int32_t node) {
  if (node < n_items) return {node};
  std::vector<int32_t> items;
  const int32_t children = nodes.IsSplit(node) ? 2 : nodes.Descendants(node);
  for (int32_t i = 0; i < children; ++i) {
    const auto below = ItemsBelow(nodes, n_items, nodes.Child(node, i));
    items.insert(items.end(), below.begin(), below.end());
  }
  std::sort(items.begin(), items.end());
  return items;
}

// A released dot file as Annoy's main branch would write it: wider nodes, so that leaves hold two
// ids more.
inline std::string ToUnreleased(const std::string& released, int64_t dimension) {
  const Layout from = Layout::Make(AnnoyMetric::kDot, dimension).value();
  const Layout to = Layout::Make(AnnoyMetric::kDot, dimension, /*unreleased=*/true).value();
  const Nodes nodes(released, from);
  const int32_t n_items = nodes.Descendants(nodes.count() - 1);
  std::string bytes(static_cast<size_t>(nodes.count()) * to.stride, '\0');
  for (int32_t node = 0; node < nodes.count(); ++node) {
    const size_t at = static_cast<size_t>(node) * to.stride;
    const auto v = nodes.Vector(node);
    const int32_t descendants = nodes.Descendants(node);
    Put(bytes, at, descendants);
    if (node >= n_items && descendants <= to.leaf_capacity) {
      const auto ids = ItemsBelow(nodes, n_items, node);
      std::memcpy(bytes.data() + at + to.children, ids.data(), 4 * ids.size());
      continue;
    }
    const auto factor = nodes.Load<float>(node, kDotFactor);
    std::memcpy(bytes.data() + at + to.vector, v.data(), 4 * v.size());
    Put(bytes, at + kDotFactor, factor);
    if (node < n_items) {
      Put(bytes, at + kMainNorm,
          std::inner_product(v.begin(), v.end(), v.begin(), factor * factor));
      Put(bytes, at + kMainBuilt, uint8_t{1});
    } else {
      Put(bytes, at + 4, nodes.Child(node, 0));
      Put(bytes, at + 8, nodes.Child(node, 1));
    }
  }
  return bytes;
}

// A hamming file of one tree: items split at bit 0, then at bit 1, and so on. Item i has word
// i * 0x9E3779B97F4A7C15.
inline std::string HammingFile(int32_t n_items) {
  const Layout layout = Layout::Make(AnnoyMetric::kHamming, 64).value();
  std::string items;
  std::string nodes;
  std::vector<uint64_t> words;
  const auto node_of = [&](int32_t descendants) {
    std::string node(layout.stride, '\0');
    Put(node, 0, descendants);
    return node;
  };
  for (int32_t i = 0; i < n_items; ++i) {
    std::string item = node_of(1);
    words.push_back(static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ULL);
    Put(item, layout.vector, words.back());
    items += item;
  }
  const auto build = [&](const auto& self, const std::vector<int32_t>& ids,
                         uint64_t bit) -> int32_t {
    if (ids.size() == 1) return ids[0];
    std::string node = node_of(static_cast<int32_t>(ids.size()));
    if (ids.size() <= static_cast<size_t>(layout.leaf_capacity)) {
      std::memcpy(node.data() + layout.children, ids.data(), 4 * ids.size());
    } else {
      std::vector<int32_t> sides[2];
      while (sides[0].empty() || sides[1].empty()) {
        sides[0].clear();
        sides[1].clear();
        for (const int32_t id : ids) {
          sides[words[static_cast<size_t>(id)] >> (63 - bit) & 1].push_back(id);
        }
        Put(node, layout.vector, bit++);
      }
      Put(node, 4, self(self, sides[0], bit));
      Put(node, 8, self(self, sides[1], bit));
    }
    nodes += node;
    return n_items + static_cast<int32_t>(nodes.size() / layout.stride) - 1;
  };
  std::vector<int32_t> all(static_cast<size_t>(n_items));
  std::iota(all.begin(), all.end(), 0);
  build(build, all, 0);
  return items + nodes + nodes.substr(nodes.size() - layout.stride);
}

}  // namespace tandem::index::annoy::testing
