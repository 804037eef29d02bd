#include "tandem/index/inner_space.h"

#include <algorithm>
#include <cmath>

#include "tandem/index/scan_data.h"

namespace tandem::index {
namespace {

constexpr size_t kSample = 8192;  // rows that are looked at
// In typical distances: of 1 to 1/8, it rules out the most of rows of one and of several clusters.
constexpr double kHeight = 0.5;
constexpr double kLeast = 0x1p-60;  // height

}  // namespace

void InnerSpace::CopyCentred(std::span<const float> from, std::span<float> to) const {
  for (size_t j = 0; j < from.size(); ++j) to[j] = from[j] - centre[j];
}

void InnerSpace::CopyRow(std::span<const float> row, std::span<float> to) const {
  if (metric != Metric::kL2) {
    std::copy(row.begin(), row.end(), to.begin());
    return;
  }
  CopyCentred(row, to);
  // Where rows are as long as that nothing is ruled out by it, but it stays a number.
  constexpr double kMost = kLargestNorm * kLargestNorm;
  const double square = SquaredNorm(to.first(row.size()));
  to[row.size()] = static_cast<float>(-std::min(square / (2 * static_cast<double>(height)), kMost));
}

void InnerSpace::CopyQuery(std::span<const float> query, std::span<float> to) const {
  if (metric != Metric::kL2) {
    std::copy(query.begin(), query.end(), to.begin());
    return;
  }
  CopyCentred(query, to);
  to[query.size()] = height;
}

CentreAndHeight FindCentreAndHeight(std::span<const float> rows, size_t d) {
  CentreAndHeight found = {.centre = std::vector<float>(d)};
  const size_t n = rows.size() / d;
  if (n == 0) return found;
  const size_t step = (n + kSample - 1) / kSample;
  const auto count = static_cast<double>((n + step - 1) / step);
  std::vector<double> mean(d);
  for (size_t i = 0; i < n; i += step) {
    for (size_t j = 0; j < d; ++j) mean[j] += static_cast<double>(rows[i * d + j]) / count;
  }
  double length = 0;
  double square = 0;
  for (const double x : mean) length += x * x;
  for (size_t i = 0; i < n; i += step) {
    for (size_t j = 0; j < d; ++j) {
      const double off = static_cast<double>(rows[i * d + j]) - mean[j];
      square += off * off / count;
    }
  }
  const double distance = std::sqrt(square);
  if (std::max(std::sqrt(length), distance) > kLargestNorm) return found;
  for (size_t j = 0; j < d; ++j) found.centre[j] = static_cast<float>(mean[j]);
  if (distance > 0)
    found.height = static_cast<float>(std::clamp(kHeight * distance, kLeast, 1 / kLeast));
  return found;
}

}  // namespace tandem::index
