// A plane between two halves of some vectors, as Annoy finds one.
//
// Not thread-safe: scratch is kept between calls. Source: Annoy 1.17, two_means and create_split.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/annoy/tree.h"

namespace tandem::index::annoy {

struct Plane {
  std::vector<float> normal;  // [width], of length 1; zeros: no plane
  float offset = 0;           // of euclidean and manhattan

  // Positive on the side of child 1.
  float MarginOf(std::span<const float> point) const;
};

class Splitter {
 public:
  // items: not owned. metric: not hamming.
  Splitter(AnnoyMetric metric, const TreeItems& items);

  // rows: two or more of the items.
  void Split(std::span<const uint32_t> rows, Rng& rng, Plane& plane);

 private:
  struct Mean {
    std::vector<float> at;
    float squares = 0;  // |at|^2
    float count = 1;
  };
  bool is_cosine() const {
    return metric_ == AnnoyMetric::kAngular || metric_ == AnnoyMetric::kDot;
  }
  void Start(uint32_t row, Mean& mean) const;
  void Move(uint32_t row, Mean& mean) const;
  float DistanceTo(const Mean& mean, uint32_t row) const;

  AnnoyMetric metric_;
  const TreeItems& items_;
  std::vector<float> norms_;  // [n]
  Mean means_[2];
};

}  // namespace tandem::index::annoy
