#include "tandem/index/annoy/split.h"

#include <cmath>

#include "tandem/math/kernels.h"

namespace tandem::index::annoy {
namespace {

constexpr int kSteps = 200;

float NormOf(std::span<const float> v) { return std::sqrt(math::Dot(v, v)); }

}  // namespace

float Plane::MarginOf(std::span<const float> point) const {
  return math::Dot(normal, point) + offset;
}

Splitter::Splitter(AnnoyMetric metric, const TreeItems& items) : metric_(metric), items_(items) {
  norms_.resize(items.ids.size());
  for (size_t row = 0; row < norms_.size(); ++row) norms_[row] = NormOf(items.Point(row));
}

void Splitter::Start(uint32_t row, Mean& mean) const {
  const std::span<const float> point = items_.Point(row);
  mean.at.assign(point.begin(), point.end());
  mean.count = 1;
  const float norm = norms_[row];
  if (is_cosine() && norm > 0) {
    for (float& x : mean.at) x /= norm;
  }
  mean.squares = math::Dot(mean.at, mean.at);
}

void Splitter::Move(uint32_t row, Mean& mean) const {
  const std::span<const float> point = items_.Point(row);
  const float scale = is_cosine() ? 1 / norms_[row] : 1;
  const float share = 1 / (mean.count + 1);
  for (size_t i = 0; i < point.size(); ++i) {
    mean.at[i] = (mean.at[i] * mean.count + point[i] * scale) * share;
  }
  mean.count += 1;
  mean.squares = math::Dot(mean.at, mean.at);
}

float Splitter::DistanceTo(const Mean& mean, uint32_t row) const {
  const std::span<const float> point = items_.Point(row);
  if (is_cosine()) {
    const float both = std::sqrt(mean.squares) * norms_[row];
    return both > 0 ? 2 - 2 * math::Dot(mean.at, point) / both : 2;
  }
  float sum = 0;
  for (size_t i = 0; i < point.size(); ++i) {
    const float difference = mean.at[i] - point[i];
    sum += metric_ == AnnoyMetric::kEuclidean ? difference * difference : std::abs(difference);
  }
  return sum;
}

void Splitter::Split(std::span<const uint32_t> rows, Rng& rng, Plane& plane) {
  const size_t first = rng.UniformInt(rows.size());
  size_t second = rng.UniformInt(rows.size() - 1);
  if (second >= first) ++second;
  Start(rows[first], means_[0]);
  Start(rows[second], means_[1]);
  for (int step = 0; step < kSteps; ++step) {
    const uint32_t row = rows[rng.UniformInt(rows.size())];
    if (is_cosine() && !(norms_[row] > 0)) continue;
    const float to_first = means_[0].count * DistanceTo(means_[0], row);
    const float to_second = means_[1].count * DistanceTo(means_[1], row);
    if (to_first < to_second) {
      Move(row, means_[0]);
    } else if (to_second < to_first) {
      Move(row, means_[1]);
    }
  }

  plane.normal.resize(items_.width);
  for (size_t i = 0; i < items_.width; ++i) plane.normal[i] = means_[0].at[i] - means_[1].at[i];
  const float norm = NormOf(plane.normal);
  plane.offset = 0;
  for (size_t i = 0; i < items_.width; ++i) {
    if (norm > 0) plane.normal[i] /= norm;
    if (!is_cosine()) plane.offset -= plane.normal[i] * (means_[0].at[i] + means_[1].at[i]) / 2;
  }
}

}  // namespace tandem::index::annoy
