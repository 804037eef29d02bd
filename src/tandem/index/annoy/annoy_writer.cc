#include "tandem/index/annoy/annoy_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/annoy/tree.h"

namespace tandem::index::annoy {
namespace {

Status CheckArguments(std::span<const float> rows, int64_t dimension, std::span<const int32_t> ids,
                      const BuildOptions& options) {
  if (options.metric == AnnoyMetric::kHamming) {
    return InvalidArgumentError("hamming files are read, not written: expected angular, ",
                                "euclidean, manhattan or dot");
  }
  if (options.trees < 1 || options.trees > kMaxTrees) {
    return InvalidArgumentError(options.trees, " trees: expected 1 to ", kMaxTrees);
  }
  const auto d = static_cast<size_t>(dimension);
  if (rows.empty() || rows.size() % d != 0) {
    return InvalidArgumentError("rows of ", rows.size(), " numbers: expected one or more times ",
                                dimension);
  }
  const size_t n = rows.size() / d;
  if (n > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return ResourceExhaustedError(n, " items: Annoy numbers at most 2147483647");
  }
  if (!ids.empty() && ids.size() != n) {
    return InvalidArgumentError(ids.size(), " ids: expected ", n, ", one for each row");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || (i > 0 && ids[i] <= ids[i - 1])) {
      return InvalidArgumentError("id ", i, " is ", ids[i],
                                  ": expected ids that ascend, none below 0");
    }
  }
  double largest = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(rows[i])) {
      return InvalidArgumentError("row ", i / d, ": number ", i % d, " is ", rows[i]);
    }
    largest = std::max(largest, std::abs(double{rows[i]}));
  }
  // Annoy's own sums of squares are in float.
  if (largest * largest * static_cast<double>(dimension + 1) >
      double{std::numeric_limits<float>::max()} / 4) {
    return InvalidArgumentError("a number of ", largest, ": its square is too large for float");
  }
  return Status();
}

TreeItems MakeItems(std::span<const float> rows, const Layout& layout,
                    std::span<const int32_t> ids) {
  const auto d = static_cast<size_t>(layout.dimension);
  const size_t n = rows.size() / d;
  TreeItems items;
  items.ids.assign(ids.begin(), ids.end());
  for (size_t i = items.ids.size(); i < n; ++i) items.ids.push_back(static_cast<int32_t>(i));
  items.n_items = items.ids.back() + 1;
  if (layout.metric != AnnoyMetric::kDot) {
    items.width = d;
    items.points.assign(rows.begin(), rows.end());
    return items;
  }
  std::vector<double> squares(n);
  for (size_t row = 0; row < n; ++row) {
    for (const float x : rows.subspan(row * d, d)) squares[row] += double{x} * double{x};
  }
  const double largest = *std::max_element(squares.begin(), squares.end());
  items.width = d + 1;
  items.points.reserve(n * items.width);
  for (size_t row = 0; row < n; ++row) {
    const auto own = rows.subspan(row * d, d);
    items.points.push_back(static_cast<float>(std::sqrt(largest - squares[row])));
    items.points.insert(items.points.end(), own.begin(), own.end());
  }
  return items;
}

template <typename T>
void Store(std::string& bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

void StoreItems(const Layout& layout, const TreeItems& items, std::string& bytes) {
  const auto d = static_cast<size_t>(layout.dimension);
  for (size_t row = 0; row < items.ids.size(); ++row) {
    const size_t at = static_cast<size_t>(items.ids[row]) * layout.stride;
    const std::span<const float> point = items.Point(row);
    const std::span<const float> vector = point.subspan(items.width - d);
    Store(bytes, at, int32_t{1});
    if (layout.metric == AnnoyMetric::kDot) Store(bytes, at + kDotFactor, point[0]);
    if (layout.metric == AnnoyMetric::kAngular) {
      float squares = 0;
      for (const float x : vector) squares += x * x;
      Store(bytes, at + 4, squares);
    }
    std::memcpy(bytes.data() + at + layout.vector, vector.data(), 4 * d);
  }
}

// Children that are nodes of a tree, by as many as are before it.
void MoveChildren(const Layout& layout, int32_t n_items, int32_t by, std::string& nodes) {
  for (size_t at = 0; at < nodes.size(); at += layout.stride) {
    int32_t count;
    std::memcpy(&count, nodes.data() + at, 4);
    if (count <= layout.leaf_capacity) continue;
    for (const size_t place : {layout.children, layout.children + 4}) {
      int32_t child;
      std::memcpy(&child, nodes.data() + at + place, 4);
      if (child >= n_items) Store(nodes, at + place, child + by);
    }
  }
}

}  // namespace

Result<std::string> BuildAnnoyFile(std::span<const float> rows, int64_t dimension,
                                   std::span<const int32_t> ids, const BuildOptions& options,
                                   Workers* workers) {
  TANDEM_ASSIGN_OR_RETURN(const Layout layout, Layout::Make(options.metric, dimension));
  TANDEM_RETURN_IF_ERROR(CheckArguments(rows, dimension, ids, options));
  const TreeItems items = MakeItems(rows, layout, ids);

  std::vector<Tree> trees(static_cast<size_t>(options.trees));
  const Rng rng(options.seed);
  const auto build = [&](size_t tree) {
    trees[tree] = BuildTree(layout, items, rng.Fork("annoy tree", tree));
  };
  if (workers != nullptr) {
    workers->Run(trees.size(), build);
  } else {
    for (size_t tree = 0; tree < trees.size(); ++tree) build(tree);
  }

  // Items, trees without their roots, the last root, all roots. Annoy finds the roots from the end
  // on by their equal numbers, and passes over the one that precedes their copies. Where the only
  // item is 0 it has that number too, and is in that root's place.
  const auto n_items = static_cast<size_t>(items.n_items);
  size_t nodes = n_items + trees.size() + 1;
  for (const Tree& tree : trees) nodes += tree.nodes.size() / layout.stride;
  if (nodes > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return ResourceExhaustedError(nodes, " nodes: Annoy numbers at most 2147483647; ask for fewer ",
                                  "trees or leave fewer holes between ids");
  }
  std::string bytes;
  bytes.reserve(nodes * layout.stride);
  bytes.resize(n_items * layout.stride);
  StoreItems(layout, items, bytes);
  for (Tree& tree : trees) {
    const auto before = static_cast<int32_t>(bytes.size() / layout.stride - n_items);
    MoveChildren(layout, items.n_items, before, tree.nodes);
    MoveChildren(layout, items.n_items, before, tree.root);
    bytes += tree.nodes;
    std::string().swap(tree.nodes);
  }
  if (n_items > 1) bytes += trees.back().root;
  for (const Tree& tree : trees) bytes += tree.root;
  return bytes;
}

Result<std::string> RepairDotFile(const AnnoyFile& broken, uint64_t seed, Workers* workers) {
  if (broken.layout().metric != AnnoyMetric::kDot) {
    return InvalidArgumentError("expected a dot index, got ", broken.Describe(),
                                ": Annoy's trees of that metric are right");
  }
  const Items items = broken.CopyItems();
  BuildOptions options;
  options.trees = std::min(broken.n_trees(), kMaxTrees);
  options.seed = seed;
  return BuildAnnoyFile(items.rows, items.dimension, items.ids, options, workers);
}

Status RepairDotFile(Env& env, const std::string& from, const std::string& to, int64_t dimension,
                     uint64_t seed, Workers* workers) {
  AnnoyFileOptions options;
  options.metric = AnnoyMetric::kDot;
  options.dimension = dimension;
  TANDEM_ASSIGN_OR_RETURN(const auto file, AnnoyFile::Open(env, from, options));
  auto bytes = RepairDotFile(*file, seed, workers);
  if (!bytes.ok()) return bytes.status().WithContext(from);
  return WriteFileAtomically(env, to, *bytes);
}

}  // namespace tandem::index::annoy
