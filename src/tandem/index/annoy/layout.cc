#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

std::string_view AnnoyMetricName(AnnoyMetric metric) {
  switch (metric) {
    case AnnoyMetric::kAngular:
      return "angular";
    case AnnoyMetric::kEuclidean:
      return "euclidean";
    case AnnoyMetric::kManhattan:
      return "manhattan";
    case AnnoyMetric::kHamming:
      return "hamming";
    case AnnoyMetric::kDot:
      return "dot";
  }
  return "?";
}

Result<AnnoyMetric> ParseAnnoyMetric(std::string_view name) {
  for (const AnnoyMetric metric :
       {AnnoyMetric::kAngular, AnnoyMetric::kEuclidean, AnnoyMetric::kManhattan,
        AnnoyMetric::kHamming, AnnoyMetric::kDot}) {
    if (name == AnnoyMetricName(metric)) return metric;
  }
  return InvalidArgumentError("metric '", name,
                              "': expected angular, euclidean, manhattan, hamming or dot");
}

Result<Layout> Layout::Make(AnnoyMetric metric, int64_t dimension, bool unreleased) {
  if (dimension < 1 || dimension > kMaxDimension) {
    return InvalidArgumentError("dimension ", dimension, ": expected 1 to ", kMaxDimension);
  }
  Layout layout;
  layout.metric = metric;
  layout.unreleased = unreleased;
  layout.dimension = dimension;
  layout.children = 4;
  layout.vector = 16;
  switch (metric) {
    case AnnoyMetric::kAngular:
      layout.vector = 12;
      break;
    case AnnoyMetric::kEuclidean:
    case AnnoyMetric::kManhattan:
      layout.children = 8;
      break;
    case AnnoyMetric::kDot:
      if (unreleased) layout.vector = 24;
      break;
    case AnnoyMetric::kHamming:
      break;
  }
  const size_t numbers = layout.is_hamming() ? 2 * layout.words() : static_cast<size_t>(dimension);
  layout.stride = layout.vector + 4 * numbers;
  layout.leaf_capacity = static_cast<int32_t>((layout.stride - layout.children) / 4);
  return layout;
}

std::string Layout::Name() const {
  return StrCat(AnnoyMetricName(metric), " of dimension ", dimension,
                unreleased ? " (layout of the main branch)" : "");
}

}  // namespace tandem::index::annoy
