// How the nodes of an Annoy file lie in its bytes, for every metric and every version of Annoy.
//
// A file is n nodes of one size (the stride), little-endian, and nothing else: no header, no
// version, no metric, no dimension. Items come first, then the nodes of the trees, then a copy of
// each root. A node begins with int32 n_descendants:
//   item    the first n_items nodes: 1, or 0 where there is no item of this id;
//   leaf    at most leaf_capacity: that many int32 item ids follow from `children` on;
//   split   more: two int32 node numbers at `children`, and the plane at `vector`.
// A root says n_items, whatever it holds.
//
// metric               stride   children  vector  besides
// angular              12 + 4f      4       12    float |v|^2 at 4 (0 in old files)
// euclidean, manhattan 16 + 4f      8       16    float offset of the plane at 4
// dot                  16 + 4f      4       16    float dot_factor at 12
// dot, unreleased      24 + 4f      4       24    the same, float norm at 16, bool built at 20
// hamming              16 + 8w      4       16    w = ceil(f / 64) words; a split is a bit's number
//
// Source: annoylib.h of Annoy 1.13 to 1.17.3, and of its main branch since August 2023, where the
// layout of dot changed (unreleased). Plain values, safe to share.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "tandem/base/status.h"

namespace tandem::index::annoy {

static_assert(std::endian::native == std::endian::little, "nodes are read as they lie in the file");

enum class AnnoyMetric : uint8_t { kAngular, kEuclidean, kManhattan, kHamming, kDot };

// "angular", "euclidean", "manhattan", "hamming", "dot": Annoy's own names.
std::string_view AnnoyMetricName(AnnoyMetric metric);
// kInvalidArgument for other names.
Result<AnnoyMetric> ParseAnnoyMetric(std::string_view name);

inline constexpr int64_t kMaxDimension = int64_t{1} << 24;

struct Layout {
  AnnoyMetric metric = AnnoyMetric::kDot;
  bool unreleased = false;    // dot as Annoy's main branch writes it
  int64_t dimension = 0;      // numbers of a vector; bits, for hamming
  size_t stride = 0;          // bytes of a node
  size_t children = 0;        // where the children are, bytes from the start of a node
  size_t vector = 0;          // where the vector is
  int32_t leaf_capacity = 0;  // ids that fit from `children` to the end of a node

  // Only kDot may be unreleased. kInvalidArgument: dimension not in 1..kMaxDimension.
  static Result<Layout> Make(AnnoyMetric metric, int64_t dimension, bool unreleased = false);
  // "dot of dimension 32", "dot of dimension 32 (layout of the main branch)".
  std::string Name() const;
  bool is_hamming() const { return metric == AnnoyMetric::kHamming; }
  size_t words() const { return (static_cast<size_t>(dimension) + 63) / 64; }  // of hamming

  friend bool operator==(const Layout&, const Layout&) = default;
};

inline constexpr size_t kDotFactor = 12;  // dot: where the coordinate of the transform is
inline constexpr size_t kMainNorm = 16;   // dot, unreleased
inline constexpr size_t kMainBuilt = 20;

// A view of the nodes; checks nothing. Numbers of nodes are in [0, count()).
class Nodes {
 public:
  // bytes.size() is a multiple of the stride; bytes.data() is aligned to 8 bytes.
  Nodes(std::string_view bytes, const Layout& layout)
      : data_(bytes.data()), layout_(layout), count_(bytes.size() / layout.stride) {}

  const Layout& layout() const { return layout_; }
  int64_t count() const { return static_cast<int64_t>(count_); }
  int32_t Descendants(int64_t node) const { return Load<int32_t>(node, 0); }
  bool IsSplit(int64_t node) const { return Descendants(node) > layout_.leaf_capacity; }
  // The side-th child of a split, or the i-th id of a leaf.
  int32_t Child(int64_t node, int64_t i) const {
    return Load<int32_t>(node, layout_.children + 4 * static_cast<size_t>(i));
  }
  template <typename T>
  T Load(int64_t node, size_t offset) const {
    T value;
    std::memcpy(&value, At(node) + offset, sizeof(T));
    return value;
  }
  std::span<const float> Vector(int64_t node) const {
    return {reinterpret_cast<const float*>(At(node) + layout_.vector),
            static_cast<size_t>(layout_.dimension)};
  }
  std::span<const uint64_t> Words(int64_t node) const {
    return {reinterpret_cast<const uint64_t*>(At(node) + layout_.vector), layout_.words()};
  }

 private:
  const char* At(int64_t node) const { return data_ + static_cast<size_t>(node) * layout_.stride; }

  const char* data_;
  Layout layout_;
  size_t count_;
};

}  // namespace tandem::index::annoy
