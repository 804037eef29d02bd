#include "tandem/index/annoy/tree.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tandem/index/annoy/split.h"

namespace tandem::index::annoy {
namespace {

constexpr int kTries = 3;
constexpr double kGood = 0.95;   // share of the larger side below which a split is taken at once
constexpr double kWorst = 0.99;  // and above which it is not taken at all

template <typename T>
void Store(std::string& node, size_t offset, T value) {
  std::memcpy(node.data() + offset, &value, sizeof(T));
}

using Rows = std::vector<uint32_t>;

class Builder {
 public:
  Builder(const Layout& layout, const TreeItems& items, Rng rng)
      : layout_(layout), items_(items), rng_(rng), splitter_(layout.metric, items) {}

  Tree Build() {
    Rows rows(items_.ids.size());
    for (size_t row = 0; row < rows.size(); ++row) rows[row] = static_cast<uint32_t>(row);
    tree_.root = Node(std::move(rows), /*is_root=*/true);
    return std::move(tree_);
  }

 private:
  bool Fits(size_t count) const { return count <= static_cast<size_t>(layout_.leaf_capacity); }

  // The bytes of a node, once those below it are written. A root gives the number of all ids, and
  // may be a leaf only where that many fit: readers tell the two apart by that number.
  std::string Node(Rows rows, bool is_root) {
    std::string node(layout_.stride, '\0');
    const int32_t count = is_root ? items_.n_items : static_cast<int32_t>(rows.size());
    Store(node, 0, count);
    if (rows.size() == 1 || Fits(static_cast<size_t>(count))) {
      // Of a root that cannot be a leaf and has one item: a split whose other child is id 0.
      for (size_t i = 0; i < rows.size(); ++i) {
        Store(node, layout_.children + 4 * i, items_.ids[rows[i]]);
      }
      return node;
    }
    Rows sides[2];
    Divide(rows, sides);
    Rows().swap(rows);
    const int smaller = sides[0].size() > sides[1].size() ? 1 : 0;
    const Plane plane = plane_;
    for (const int side : {smaller, 1 - smaller}) {
      const int32_t child = Child(std::move(sides[side]));
      Store(node, layout_.children + 4 * static_cast<size_t>(side), child);
    }
    if (layout_.children == 8) Store(node, 4, plane.offset);
    // Of dot, the plane's own coordinate is left out: the number at kDotFactor stays 0.
    const size_t own = plane.normal.size() - static_cast<size_t>(layout_.dimension);
    std::memcpy(node.data() + layout_.vector, plane.normal.data() + own,
                4 * static_cast<size_t>(layout_.dimension));
    return node;
  }

  int32_t Child(Rows rows) {
    if (rows.size() == 1) return items_.ids[rows[0]];
    tree_.nodes += Node(std::move(rows), /*is_root=*/false);
    return items_.n_items + static_cast<int32_t>(tree_.nodes.size() / layout_.stride) - 1;
  }

  // Into plane_ and two sides that are not empty, in the order of the rows.
  void Divide(const Rows& rows, Rows (&sides)[2]) {
    const auto share = [&] {
      return static_cast<double>(std::max(sides[0].size(), sides[1].size())) /
             static_cast<double>(rows.size());
    };
    for (int i = 0; i < kTries; ++i) {
      sides[0].clear();
      sides[1].clear();
      splitter_.Split(rows, rng_, plane_);
      for (const uint32_t row : rows) {
        const float margin = plane_.MarginOf(items_.Point(row));
        const bool flat = !(margin > 0) && !(margin < 0);
        sides[(flat ? Coin() : margin > 0) ? 1 : 0].push_back(row);
      }
      if (share() < kGood) return;
    }
    while (share() > kWorst) {
      sides[0].clear();
      sides[1].clear();
      plane_.normal.assign(items_.width, 0);
      plane_.offset = 0;
      for (const uint32_t row : rows) sides[Coin() ? 1 : 0].push_back(row);
    }
  }

  bool Coin() { return rng_.UniformInt(2) == 1; }

  const Layout& layout_;
  const TreeItems& items_;
  Rng rng_;
  Splitter splitter_;
  Plane plane_;
  Tree tree_;
};

}  // namespace

Tree BuildTree(const Layout& layout, const TreeItems& items, Rng rng) {
  return Builder(layout, items, rng).Build();
}

}  // namespace tandem::index::annoy
