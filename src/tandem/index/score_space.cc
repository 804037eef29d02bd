#include "tandem/index/score_space.h"

#include <algorithm>
#include <cmath>

#include "tandem/index/principal_axes.h"

namespace tandem::index {
namespace {

constexpr size_t kSample = 8192;          // rows and queries that are looked at
constexpr size_t kMostDimension = 512;    // beyond it, all directions of queries count the same
constexpr double kLeastDeviation = 0.02;  // of queries along an axis, of the largest

double Dot(std::span<const double> a, const float* b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * static_cast<double>(b[j]);
  return sum;
}

// Every few rows, each of unit length, and their negatives: the mean is zero, so that the
// covariance is the second moment. Rows of zeros are left out.
std::vector<float> Directions(std::span<const float> rows, size_t d) {
  const size_t n = rows.size() / d;
  const size_t step = std::max<size_t>(1, n / kSample);
  std::vector<float> result;
  for (size_t i = 0; i < n; i += step) {
    const std::span<const float> row = rows.subspan(i * d, d);
    double square = 0;
    for (const float x : row) square += static_cast<double>(x) * static_cast<double>(x);
    if (square == 0) continue;
    for (const double sign : {1.0, -1.0}) {
      const double scale = sign / std::sqrt(square);
      for (const float x : row)
        result.push_back(static_cast<float>(static_cast<double>(x) * scale));
    }
  }
  return result;
}

}  // namespace

ScoreSpace FindScoreSpace(std::span<const float> rows, size_t n, size_t d, size_t h, double largest,
                          std::span<const float> queries) {
  // V' [d, d] and s [d].
  std::vector<double> axes(d * d, 0);
  std::vector<double> deviation(d, 1);
  const std::vector<float> directions = Directions(queries.empty() ? rows : queries, d);
  if (directions.empty() || d > kMostDimension) {
    for (size_t j = 0; j < d; ++j) axes[j * d + j] = 1;
  } else {
    const size_t count = directions.size() / d;
    axes = FindPrincipalAxes(directions, count, d, d).axes;
    double most = 0;
    for (size_t a = 0; a < d; ++a) {
      double square = 0;
      for (size_t i = 0; i < count; ++i) {
        const double along = Dot(std::span(axes).subspan(a * d, d), directions.data() + i * d);
        square += along * along;
      }
      deviation[a] = std::sqrt(square / static_cast<double>(count));
      most = std::max(most, deviation[a]);
    }
    for (double& s : deviation) s = std::max(s, kLeastDeviation * most);
  }

  ScoreSpace space;
  space.mean.assign(d, 0);
  const size_t step = std::max<size_t>(1, n / kSample);
  const size_t count = (n + step - 1) / step;
  for (size_t i = 0; i < n; i += step) {
    for (size_t j = 0; j < d; ++j) space.mean[j] += static_cast<double>(rows[i * d + j]);
  }
  for (double& x : space.mean) x /= static_cast<double>(count);

  const double scale = largest > 0 ? 1 / largest : 1;
  std::vector<float> weighted(count * d);  // diag(s) V' (x - m) of the sample
  std::vector<float> centred(d);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < d; ++j) {
      centred[j] =
          static_cast<float>((static_cast<double>(rows[i * step * d + j]) - space.mean[j]) * scale);
    }
    for (size_t a = 0; a < d; ++a) {
      weighted[i * d + a] =
          static_cast<float>(deviation[a] * Dot(std::span(axes).subspan(a * d, d), centred.data()));
    }
  }
  PrincipalAxes found = FindPrincipalAxes(weighted, count, d, h);
  space.tail_share = std::move(found.tail_share);
  space.item_map.assign(h * d, 0);
  space.query_map.assign(h * d, 0);
  for (size_t i = 0; i < h; ++i) {
    for (size_t a = 0; a < d; ++a) {
      const double w = found.axes[i * d + a];
      for (size_t j = 0; j < d; ++j) {
        space.item_map[i * d + j] += w * deviation[a] * axes[a * d + j];
        space.query_map[i * d + j] += w / deviation[a] * axes[a * d + j];
      }
    }
  }
  return space;
}

}  // namespace tandem::index
