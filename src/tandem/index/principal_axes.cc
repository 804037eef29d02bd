#include "tandem/index/principal_axes.h"

#include <algorithm>
#include <cmath>

namespace tandem::index {
namespace {

constexpr size_t kSample = 16'384;  // rows
constexpr int kIterations = 12;

double Dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

// Gram and Schmidt, twice over, which makes them orthogonal to rounding. A row that vanishes is
// replaced by a unit vector.
void Orthonormalise(std::vector<double>& axes, size_t h, size_t d) {
  size_t next_unit = 0;
  for (size_t i = 0; i < h; ++i) {
    const std::span<double> row = std::span(axes).subspan(i * d, d);
    for (int attempt = 0; attempt < 4;) {
      const double before = std::sqrt(Dot(row, row));
      for (size_t other = 0; other < i; ++other) {
        const std::span<const double> base = std::span(axes).subspan(other * d, d);
        const double along = Dot(row, base);
        for (size_t j = 0; j < d; ++j) row[j] -= along * base[j];
      }
      const double norm = std::sqrt(Dot(row, row));
      if (!(norm > 1e-8 * before) || before == 0) {
        std::fill(row.begin(), row.end(), 0.0);
        row[next_unit++ % d] = 1;
        attempt = 0;
        continue;
      }
      for (double& x : row) x /= norm;
      attempt += 2;
    }
  }
}

}  // namespace

PrincipalAxes FindPrincipalAxes(std::span<const float> rows, size_t n, size_t d, size_t h) {
  const size_t step = (n + kSample - 1) / kSample;
  const size_t count = (n + step - 1) / step;
  PrincipalAxes result;
  result.mean.assign(d, 0);
  for (size_t i = 0; i < n; i += step) {
    for (size_t j = 0; j < d; ++j) result.mean[j] += static_cast<double>(rows[i * d + j]);
  }
  for (double& x : result.mean) x /= static_cast<double>(count);

  std::vector<double> covariance(d * d, 0);
  std::vector<double> centred(d);
  for (size_t i = 0; i < n; i += step) {
    for (size_t j = 0; j < d; ++j) {
      centred[j] = static_cast<double>(rows[i * d + j]) - result.mean[j];
    }
    for (size_t a = 0; a < d; ++a) {
      for (size_t b = 0; b <= a; ++b) covariance[a * d + b] += centred[a] * centred[b];
    }
  }
  double spread = 0;
  for (size_t a = 0; a < d; ++a) {
    spread += covariance[a * d + a];
    for (size_t b = 0; b < a; ++b) covariance[b * d + a] = covariance[a * d + b];
  }

  // A fixed start in which no coordinate is zero.
  result.axes.resize(h * d);
  for (size_t i = 0; i < result.axes.size(); ++i) {
    result.axes[i] = 1 + std::sin(static_cast<double>(3 * i + 1));
  }
  Orthonormalise(result.axes, h, d);
  std::vector<double> kept(h);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    std::vector<double> image(h * d);
    for (size_t i = 0; i < h; ++i) {
      const std::span<const double> axis = std::span(result.axes).subspan(i * d, d);
      for (size_t a = 0; a < d; ++a) {
        image[i * d + a] = Dot(std::span(covariance).subspan(a * d, d), axis);
      }
      kept[i] = Dot(axis, std::span(image).subspan(i * d, d));
    }
    result.axes = std::move(image);
    Orthonormalise(result.axes, h, d);
  }
  double tail = spread;
  for (const double part : kept) {
    tail -= part;
    result.tail_share.push_back(spread > 0 ? std::clamp(tail / spread, 0.0, 1.0) : 0);
  }
  return result;
}

}  // namespace tandem::index
