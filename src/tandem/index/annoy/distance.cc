#include "tandem/index/annoy/distance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "tandem/math/kernels.h"

namespace tandem::index::annoy {
namespace {

// A total order, also of what is not a number.
bool IsNearer(const Ranked& a, const Ranked& b) {
  if (std::isnan(a.rank) != std::isnan(b.rank)) return std::isnan(b.rank);
  if (a.rank < b.rank || b.rank < a.rank) return a.rank < b.rank;
  return a.id < b.id;
}

}  // namespace

Result<Query> Query::Make(const Layout& layout, std::span<const float> vector) {
  if (vector.size() != static_cast<size_t>(layout.dimension)) {
    return InvalidArgumentError("query of ", vector.size(), " numbers: expected ",
                                layout.dimension);
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return InvalidArgumentError("query: number ", i, " is ", vector[i]);
    }
  }
  Query query;
  query.vector_.assign(vector.begin(), vector.end());
  query.squares_ = math::Dot(vector, vector);
  if (layout.is_hamming()) {
    query.words_.resize(layout.words());
    for (size_t i = 0; i < vector.size(); ++i) {
      if (vector[i] > 0.5F) query.words_[i / 64] |= uint64_t{1} << (i % 64);
    }
  }
  return query;
}

float Query::RankOf(const Nodes& nodes, int32_t item) const {
  const Layout& layout = nodes.layout();
  switch (layout.metric) {
    case AnnoyMetric::kAngular: {
      const std::span<const float> v = nodes.Vector(item);
      const float kept = nodes.Load<float>(item, 4);
      const float squares = kept != 0 ? kept : math::Dot(v, v);
      const float both = squares_ * squares;
      return both > 0 ? 2.0F - 2.0F * math::Dot(vector_, v) / std::sqrt(both) : 2.0F;
    }
    case AnnoyMetric::kEuclidean:
    case AnnoyMetric::kManhattan: {
      const std::span<const float> v = nodes.Vector(item);
      float squares = 0;
      float absolutes = 0;
      for (size_t i = 0; i < v.size(); ++i) {
        const float difference = vector_[i] - v[i];
        squares += difference * difference;
        absolutes += std::abs(difference);
      }
      return layout.metric == AnnoyMetric::kEuclidean ? squares : absolutes;
    }
    case AnnoyMetric::kHamming: {
      const std::span<const uint64_t> words = nodes.Words(item);
      int bits = 0;
      for (size_t i = 0; i < words.size(); ++i) bits += std::popcount(words_[i] ^ words[i]);
      return static_cast<float>(bits);
    }
    case AnnoyMetric::kDot:
      return -math::Dot(vector_, nodes.Vector(item));
  }
  return 0;
}

float Query::Margin(const Nodes& nodes, int32_t split) const {
  const Layout& layout = nodes.layout();
  switch (layout.metric) {
    case AnnoyMetric::kAngular:
      return math::Dot(nodes.Vector(split), vector_);
    case AnnoyMetric::kEuclidean:
    case AnnoyMetric::kManhattan:
      return nodes.Load<float>(split, 4) + math::Dot(nodes.Vector(split), vector_);
    case AnnoyMetric::kHamming: {
      const uint64_t bit = nodes.Words(split)[0];
      return static_cast<float>(words_[bit / 64] >> (63 - bit % 64) & 1);
    }
    case AnnoyMetric::kDot: {
      const float margin = math::Dot(nodes.Vector(split), vector_);
      if (layout.unreleased) return margin;  // the query's own coordinate is 0
      const float factor = nodes.Load<float>(split, kDotFactor);
      return margin + factor * factor;  // as released: wrong, and what it was searched with
    }
  }
  return 0;
}

float DistanceOf(AnnoyMetric metric, float rank) {
  switch (metric) {
    case AnnoyMetric::kAngular:
    case AnnoyMetric::kEuclidean:
      return std::sqrt(std::max(rank, 0.0F));
    case AnnoyMetric::kManhattan:
      return std::max(rank, 0.0F);
    case AnnoyMetric::kHamming:
      return rank;
    case AnnoyMetric::kDot:
      return -rank;
  }
  return 0;
}

std::vector<Neighbour> Nearest(AnnoyMetric metric, std::vector<Ranked> ranked, int64_t n) {
  const auto kept = std::min(n, static_cast<int64_t>(ranked.size()));
  std::partial_sort(ranked.begin(), ranked.begin() + kept, ranked.end(), IsNearer);
  std::vector<Neighbour> nearest;
  nearest.reserve(static_cast<size_t>(kept));
  for (int64_t i = 0; i < kept; ++i) {
    const Ranked& item = ranked[static_cast<size_t>(i)];
    nearest.push_back({item.id, DistanceOf(metric, item.rank)});
  }
  return nearest;
}

}  // namespace tandem::index::annoy
