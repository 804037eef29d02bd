// Coordinates in which the first few hold most of what makes scores differ.
//
// The score q . x of an item is q . m + u . y with y = A (x - m) and u = B q, where A' B = 1. With
// M the second moment of the queries, M = V diag(s^2) V', and W the principal axes of
// diag(s) V' (x - m):
//   A = W' diag(s) V',   B = W' diag(1 / s) V'.
// Then u has about the same spread along every axis, and the spread of y along an axis is what it
// adds to the spread of the scores: leaving out axes, partitioning and rounding by plain squared
// distance in y lose the least of the score that they can. (For queries that spread as the items
// do, the score falls off along principal axes with the square of the items' variance.)
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tandem::index {

struct ScoreSpace {
  std::vector<double> mean;       // m [d]
  std::vector<double> item_map;   // A [h, d], for items divided by their largest norm
  std::vector<double> query_map;  // B [h, d], for queries of any length
  // [h]: the share of the scores' spread outside of axis i and those before it, 0 to 1.
  std::vector<double> tail_share;
};

// The h axes of rows [n, d], n >= 1, whose largest norm is `largest`, for queries like `queries`
// [q, d]; where there are none, for queries like the rows. All numbers finite.
ScoreSpace FindScoreSpace(std::span<const float> rows, size_t n, size_t d, size_t h, double largest,
                          std::span<const float> queries);

}  // namespace tandem::index
