// How near an item is to a query. Scores of every metric: larger is better.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "tandem/base/status.h"

namespace tandem::index {

enum class Metric {
  kDot,     // q . x
  kCosine,  // q . x / (|q| |x|); 0 where one of them is zero
  kL2,      // -|q - x|^2
};

// Of a vector: sums of products of bytes of so many numbers fit in 32 bits.
inline constexpr int64_t kMaxDimension = 65536;

inline constexpr std::array kMetrics = {Metric::kDot, Metric::kCosine, Metric::kL2};

inline std::string_view MetricName(Metric metric) {
  switch (metric) {
    case Metric::kDot:
      return "dot";
    case Metric::kCosine:
      return "cosine";
    case Metric::kL2:
      return "l2";
  }
  return "unknown";
}

// kInvalidArgument for another name.
inline Result<Metric> ParseMetric(std::string_view name) {
  for (const Metric metric : kMetrics) {
    if (MetricName(metric) == name) return metric;
  }
  return InvalidArgumentError("metric \"", name, "\"; expected dot, cosine or l2");
}

// Scales a vector to length 1, as kCosine stores items and takes queries. Vectors of zeros, and
// those of length 1 to rounding, stay as they are: twice is the same as once.
inline void ToUnitLength(std::span<float> vector) {
  double square = 0;
  for (const float x : vector) square += static_cast<double>(x) * static_cast<double>(x);
  if (square == 0 || std::abs(square - 1) < 1e-6) return;
  const double norm = std::sqrt(square);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / norm);
}

}  // namespace tandem::index
