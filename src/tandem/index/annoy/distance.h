// Distances and margins of Annoy's metrics over the nodes of a file.
//
// A Query is a vector as the metric compares it. Rank values: smaller is nearer, NaN last; they are
// what Annoy sorts by (2 - 2 cos, squared differences, -inner product), and DistanceOf makes of
// them what Annoy gives out. Plain values; safe to share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

class Query {
 public:
  // kInvalidArgument: a length other than the dimension, a number that is not finite.
  static Result<Query> Make(const Layout& layout, std::span<const float> vector);

  float RankOf(const Nodes& nodes, int32_t item) const;
  // Of the plane of a split; positive: the side of child 1. Of hamming, 1 or 0.
  float Margin(const Nodes& nodes, int32_t split) const;

 private:
  std::vector<float> vector_;    // [d]
  std::vector<uint64_t> words_;  // of hamming
  float squares_ = 0;            // |v|^2
};

// What Annoy gives for a rank value.
float DistanceOf(AnnoyMetric metric, float rank);

struct Ranked {
  float rank = 0;
  int32_t id = 0;
};
// The n best, nearest first, ties by smaller id.
std::vector<Neighbour> Nearest(AnnoyMetric metric, std::vector<Ranked> ranked, int64_t n);

}  // namespace tandem::index::annoy
