#include "tandem/index/annoy/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::index::annoy {
namespace {

constexpr double kTolerance = 1e-4;  // of a sum of squares in float, relative

// Annoy's own way: from the end on while n_descendants stays the same; the root that precedes the
// copies is not counted where it is that of the last copy.
std::vector<int32_t> FindRoots(const Nodes& nodes) {
  std::vector<int32_t> roots;
  const int64_t last = nodes.count() - 1;
  for (int64_t node = last; node >= 0; --node) {
    if (nodes.Descendants(node) != nodes.Descendants(last)) break;
    roots.push_back(static_cast<int32_t>(node));
  }
  const auto first_child = [&](int32_t node) {
    return nodes.Load<int32_t>(node, nodes.layout().children);
  };
  if (roots.size() > 1 && first_child(roots.front()) == first_child(roots.back())) {
    roots.pop_back();
  }
  return roots;
}

double SquaredNorm(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * double{x};
  return sum;
}

Status CheckItem(const Nodes& nodes, int64_t item, Strictness strictness) {
  const Layout& layout = nodes.layout();
  const auto zero_from = [&](size_t offset, size_t end) {
    for (; offset < end; offset += 4) {
      if (nodes.Load<uint32_t>(item, offset) != 0) return false;
    }
    return true;
  };
  const auto odd = [&](std::string_view expected) {
    return DataLossError("item ", item, ": expected ", expected, " in an index that is ",
                         layout.Name());
  };
  if (!layout.is_hamming()) {
    for (const float x : nodes.Vector(item)) {
      if (!std::isfinite(x)) return DataLossError("item ", item, ": got a number ", x);
    }
  }
  switch (layout.metric) {
    case AnnoyMetric::kAngular: {
      const double norm = double{nodes.Load<float>(item, 4)};
      const double squares = SquaredNorm(nodes.Vector(item));
      if (!zero_from(8, 12)) return odd("0 at byte 8");
      // Sums of squares of floats overflow, and vanish, before their vectors do.
      const bool out_of_range = squares > double{std::numeric_limits<float>::max()} * 0.999 ||
                                squares < double{std::numeric_limits<float>::min()} * 16;
      if (norm != 0 && !out_of_range && !(std::abs(norm - squares) <= kTolerance * squares)) {
        return odd("the squared norm of its vector at byte 4");
      }
      break;
    }
    case AnnoyMetric::kEuclidean:
    case AnnoyMetric::kManhattan:
      if (!zero_from(4, 16)) return odd("zeros from byte 4 to 16");
      break;
    case AnnoyMetric::kHamming:
      if (!zero_from(4, strictness == Strictness::kUsual ? 16 : 12)) {
        return odd("zeros after the first number");
      }
      break;
    case AnnoyMetric::kDot:
      if (!zero_from(4, 12)) return odd("zeros from byte 4 to 12");
      if (layout.unreleased && nodes.Load<uint8_t>(item, kMainBuilt) > 1) {
        return odd("0 or 1 at byte 20");
      }
      break;
  }
  return Status();
}

// Bachrach's transform puts all items on one sphere.
Status CheckSphere(const Nodes& nodes, int32_t n_items) {
  double least = std::numeric_limits<double>::infinity();
  double largest = 0;
  const bool unreleased = nodes.layout().unreleased;
  for (int32_t item = 0; item < n_items; ++item) {
    if (nodes.Descendants(item) == 0) continue;
    const double factor = double{nodes.Load<float>(item, kDotFactor)};
    const double radius = factor * factor + SquaredNorm(nodes.Vector(item));
    least = std::min(least, radius);
    largest = std::max(largest, radius);
    const bool norm_fits =
        !unreleased ||
        (nodes.Load<uint8_t>(item, kMainBuilt) == 1 &&
         std::abs(double{nodes.Load<float>(item, kMainNorm)} - radius) <= 10 * kTolerance * radius);
    if (!(factor >= 0) || !norm_fits || !(largest - least <= kTolerance * largest)) {
      return DataLossError("item ", item, ": expected dot_factor^2 + |v|^2 to be the same for all ",
                           "items of an index that is ", nodes.layout().Name());
    }
  }
  return Status();
}

Status CheckLeaf(const Nodes& nodes, int64_t node, int32_t n_items, Strictness strictness) {
  const int32_t count = nodes.Descendants(node);
  if (n_items == 1) {
    // An item has that number too: only the rest of a leaf, which nothing wrote to, tells that this
    // is no file cut in its items.
    for (size_t i = nodes.layout().children; i < nodes.layout().stride; i += 4) {
      if (nodes.Load<uint32_t>(node, i) != 0) {
        return DataLossError("node ", node, ": expected a root of the only item, and nothing else");
      }
    }
  }
  int32_t before = -1;
  bool ended = false;  // a root of fewer items than ids ends in zeros
  for (int32_t i = 0; i < count; ++i) {
    const int32_t id = nodes.Child(node, i);
    if (id < 0 || id >= n_items) {
      return DataLossError("node ", node, ": item ", i, " of its ", count,
                           ": expected an id below ", n_items, ", got ", id);
    }
    if (strictness == Strictness::kSafe) continue;
    if (id == 0 && i > 0 && count == n_items) ended = true;
    if (ended ? id != 0 : id <= before) {
      return DataLossError("node ", node, ": item ", i, " of its ", count,
                           ": expected an id above ", before, ", got ", id);
    }
    before = id;
  }
  return Status();
}

// What a child stands for; a root, or a hole, cannot be the child of a split that is no root.
int64_t Weight(const Nodes& nodes, int32_t child, int32_t n_items) {
  return child < n_items ? std::min(nodes.Descendants(child), 1) : nodes.Descendants(child);
}

// present: how many items there are, without holes.
Status CheckSplit(const Nodes& nodes, int64_t node, int32_t n_items, int64_t present,
                  std::vector<uint8_t>& references) {
  const int32_t count = nodes.Descendants(node);
  const bool is_root = count == n_items;
  int64_t sum = 0;
  for (int side = 0; side < 2; ++side) {
    const int32_t child = nodes.Child(node, side);
    if (child < 0 || child >= nodes.count()) {
      return DataLossError("node ", node, ": child ", side, ": expected a node below ",
                           nodes.count(), ", got ", child);
    }
    if (child >= n_items) {
      if (nodes.Descendants(child) >= count) {
        return DataLossError("node ", node, ": child ", side, " is node ", child, " of ",
                             nodes.Descendants(child), " items: expected fewer than its own ",
                             count);
      }
      uint8_t& uses = references[static_cast<size_t>(child - n_items)];
      uses = static_cast<uint8_t>(uses + (is_root ? 1 : 2));
      if (uses > 2) {
        return DataLossError("node ", child, ": expected one parent, got a second, node ", node);
      }
    }
    sum += Weight(nodes, child, n_items);
  }
  const int64_t expected = is_root ? present : count;
  if (sum != expected) {
    return DataLossError("node ", node, ": expected ", expected, " items in its two children, got ",
                         sum);
  }
  const Layout& layout = nodes.layout();
  if (layout.is_hamming() && nodes.Words(node)[0] >= 64 * layout.words()) {
    return DataLossError("node ", node, ": expected to split at a bit below ", 64 * layout.words(),
                         ", got ", nodes.Words(node)[0]);
  }
  return Status();
}

}  // namespace

Result<Forest> CheckNodes(const Nodes& nodes, Strictness strictness) {
  const int64_t count = nodes.count();
  if (count < 2 || count > std::numeric_limits<int32_t>::max()) {
    return DataLossError("expected 2 to 2147483647 nodes of ", nodes.layout().stride,
                         " bytes, got ", count);
  }
  Forest forest;
  const int32_t n_items = nodes.Descendants(count - 1);
  forest.n_items = n_items;
  if (n_items < 1 || n_items >= count) {
    return DataLossError("node ", count - 1,
                         ", the last: expected a root that gives the number of ", "items, 1 to ",
                         count - 1, ", got ", n_items);
  }
  int64_t present = 0;
  for (int32_t item = 0; item < n_items; ++item) {
    const int32_t got = nodes.Descendants(item);
    present += got;
    if (got != 0 && got != 1) {
      return DataLossError("item ", item, ": expected 1, or 0 for none, in its first number, got ",
                           got);
    }
  }
  std::vector<uint8_t> references(static_cast<size_t>(count - n_items));
  for (int64_t node = n_items; node < count; ++node) {
    const int32_t got = nodes.Descendants(node);
    if (got < 1 || got > n_items) {
      return DataLossError("node ", node, ": expected 1 to ", n_items, " items, got ", got);
    }
    TANDEM_RETURN_IF_ERROR(nodes.IsSplit(node)
                               ? CheckSplit(nodes, node, n_items, present, references)
                               : CheckLeaf(nodes, node, n_items, strictness));
  }
  for (int32_t item = 0; item < n_items; ++item) {
    if (nodes.Descendants(item) == 1) {
      TANDEM_RETURN_IF_ERROR(CheckItem(nodes, item, strictness));
    }
  }
  if (strictness == Strictness::kUsual && nodes.layout().metric == AnnoyMetric::kDot) {
    TANDEM_RETURN_IF_ERROR(CheckSphere(nodes, n_items));
  }
  forest.roots = FindRoots(nodes);
  return forest;
}

bool LacksNorms(const Nodes& nodes, int32_t n_items) {
  for (int32_t item = 0; item < n_items; ++item) {
    if (nodes.Load<float>(item, 4) != 0) return false;
  }
  return true;
}

}  // namespace tandem::index::annoy
