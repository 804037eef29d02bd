#include "tandem/index/annoy/annoy_exact.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tandem/index/annoy/distance.h"

namespace tandem::index::annoy {

namespace {

std::optional<Metric> MetricOf(AnnoyMetric metric) {
  switch (metric) {
    case AnnoyMetric::kAngular:
      return Metric::kCosine;
    case AnnoyMetric::kEuclidean:
      return Metric::kL2;
    case AnnoyMetric::kDot:
      return Metric::kDot;
    case AnnoyMetric::kManhattan:
    case AnnoyMetric::kHamming:
      break;
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<AnnoyExact>> AnnoyExact::Create(std::shared_ptr<const AnnoyFile> file) {
  std::unique_ptr<AnnoyExact> exact(new AnnoyExact(std::move(file)));
  const std::optional<Metric> metric = MetricOf(exact->file_->layout().metric);
  if (metric.has_value()) {
    Items items = exact->file_->CopyItems();
    ExactOptions options;
    options.metric = *metric;
    TANDEM_ASSIGN_OR_RETURN(exact->index_,
                            ExactIndex::Create(items.rows, static_cast<int64_t>(items.ids.size()),
                                               items.dimension, options));
    exact->ids_ = std::move(items.ids);
  }
  return exact;
}

Result<std::vector<Neighbour>> AnnoyExact::SearchByVector(std::span<const float> vector,
                                                          int64_t n) const {
  if (n < 1) return InvalidArgumentError("n is ", n, ": expected 1 or more");
  const AnnoyMetric metric = file_->layout().metric;
  TANDEM_ASSIGN_OR_RETURN(const Query query, Query::Make(file_->layout(), vector));
  std::vector<Ranked> ranked;
  if (index_ == nullptr) {
    for (int32_t id = 0; id < file_->n_items(); ++id) {
      if (file_->HasItem(id)) ranked.push_back({query.RankOf(file_->nodes(), id), id});
    }
    return Nearest(metric, std::move(ranked), n);
  }
  SearchOptions options;
  options.k = std::min(n, index_->size());
  if (options.k == 0) return std::vector<Neighbour>();  // a file of holes
  std::vector<int32_t> rows(static_cast<size_t>(options.k));
  std::vector<float> scores(rows.size());
  TANDEM_RETURN_IF_ERROR(index_->Search(vector, options, rows, scores));
  std::vector<Neighbour> nearest;
  for (const int32_t row : rows) {
    if (row < 0) continue;  // where a score overflows
    const int32_t id = ids_[static_cast<size_t>(row)];
    nearest.push_back({id, DistanceOf(metric, query.RankOf(file_->nodes(), id))});
  }
  return nearest;
}

Result<std::vector<Neighbour>> AnnoyExact::SearchByItem(int64_t id, int64_t n) const {
  std::vector<float> vector(static_cast<size_t>(file_->layout().dimension));
  TANDEM_RETURN_IF_ERROR(file_->CopyVector(id, vector));
  return SearchByVector(vector, n);
}

}  // namespace tandem::index::annoy
