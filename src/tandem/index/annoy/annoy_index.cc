#include "tandem/index/annoy/annoy_index.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "tandem/index/annoy/distance.h"

namespace tandem::index::annoy {
namespace {

// Of a child, from that of its parent. Of hamming, how many planes were crossed, negative: counts
// of a file's depth are exact in float.
float Priority(AnnoyMetric metric, float parent, float margin, int side) {
  if (metric == AnnoyMetric::kHamming) {
    return parent - (margin != static_cast<float>(side) ? 1.0F : 0.0F);
  }
  return std::min(parent, side == 1 ? margin : -margin);
}

// Ids of items and holes, some of them more than once.
std::vector<int32_t> Candidates(const AnnoyFile& file, const Query& query, int64_t search_k) {
  const Nodes& nodes = file.nodes();
  const AnnoyMetric metric = nodes.layout().metric;
  const float first =
      metric == AnnoyMetric::kHamming ? 0.0F : std::numeric_limits<float>::infinity();
  std::priority_queue<std::pair<float, int32_t>> waiting;
  for (const int32_t root : file.roots()) waiting.emplace(first, root);

  std::vector<int32_t> found;
  while (static_cast<int64_t>(found.size()) < search_k && !waiting.empty()) {
    const float priority = waiting.top().first;
    const int32_t node = waiting.top().second;
    waiting.pop();
    if (node < file.n_items()) {
      if (file.HasItem(node)) found.push_back(node);
    } else if (nodes.IsSplit(node)) {
      const float margin = query.Margin(nodes, node);
      for (const int side : {1, 0}) {
        waiting.emplace(Priority(metric, priority, margin, side), nodes.Child(node, side));
      }
    } else {
      const int32_t count = nodes.Descendants(node);
      for (int32_t i = 0; i < count; ++i) found.push_back(nodes.Child(node, i));
    }
  }
  return found;
}

}  // namespace

Result<std::vector<Neighbour>> AnnoyIndex::SearchByVector(std::span<const float> vector, int64_t n,
                                                          int64_t search_k) const {
  if (n < 1) return InvalidArgumentError("n is ", n, ": expected 1 or more");
  if (search_k < -1) {
    return InvalidArgumentError("search_k is ", search_k,
                                ": expected 0 or more, or -1 for n times the number of trees");
  }
  TANDEM_ASSIGN_OR_RETURN(const Query query, Query::Make(file_->layout(), vector));
  n = std::min<int64_t>(n, std::numeric_limits<int32_t>::max());  // more ids there are not
  if (search_k == -1) search_k = n * file_->n_trees();

  std::vector<int32_t> found = Candidates(*file_, query, search_k);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<Ranked> ranked;
  ranked.reserve(found.size());
  for (const int32_t id : found) {
    if (file_->HasItem(id)) ranked.push_back({query.RankOf(file_->nodes(), id), id});
  }
  return Nearest(file_->layout().metric, std::move(ranked), n);
}

Result<std::vector<Neighbour>> AnnoyIndex::SearchByItem(int64_t id, int64_t n,
                                                        int64_t search_k) const {
  std::vector<float> vector(static_cast<size_t>(file_->layout().dimension));
  TANDEM_RETURN_IF_ERROR(file_->CopyVector(id, vector));
  return SearchByVector(vector, n, search_k);
}

Result<float> AnnoyIndex::Distance(int64_t a, int64_t b) const {
  std::vector<float> vector(static_cast<size_t>(file_->layout().dimension));
  TANDEM_RETURN_IF_ERROR(file_->CopyVector(b, vector));  // that there is such an item
  TANDEM_RETURN_IF_ERROR(file_->CopyVector(a, vector));
  TANDEM_ASSIGN_OR_RETURN(const Query query, Query::Make(file_->layout(), vector));
  return DistanceOf(file_->layout().metric, query.RankOf(file_->nodes(), static_cast<int32_t>(b)));
}

}  // namespace tandem::index::annoy
