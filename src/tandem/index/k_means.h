// Lloyd's k-means, with its assignments through matrix products.
//
// Deterministic: the same points, seed and lists give the same bits on one machine, whatever the
// number of workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/rng.h"

namespace tandem::index {

// points [n, w] -> centroids [lists, w], 1 <= lists <= n: drawn from the points, then `iterations`
// rounds over a sample of at most points_per_list * lists of them. A centroid nearest to none
// stays where it is.
std::vector<float> FindCentroids(std::span<const float> points, size_t w, size_t lists,
                                 int iterations, size_t points_per_list, Rng rng, Workers& workers);

// The nearest centroid of each point; of two at the same distance the first.
std::vector<int32_t> NearestCentroids(std::span<const float> points, size_t w,
                                      std::span<const float> centroids, Workers& workers);

}  // namespace tandem::index
