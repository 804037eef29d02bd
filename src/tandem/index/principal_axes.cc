#include "tandem/index/principal_axes.h"

#include <algorithm>
#include <cmath>

#include "tandem/math/matmul.h"

namespace tandem::index {
namespace {

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
  PrincipalAxes result;
  result.mean.assign(d, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) result.mean[j] += static_cast<double>(rows[i * d + j]);
  }
  for (double& x : result.mean) x /= static_cast<double>(n);

  std::vector<float> centred(n * d);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) {
      centred[i * d + j] =
          static_cast<float>(static_cast<double>(rows[i * d + j]) - result.mean[j]);
    }
  }
  // In float: what the axes are is an estimate; that they are orthonormal is not.
  std::vector<float> covariance(d * d);
  const math::ConstMatrixView sample(centred.data(), n, d, d);
  math::MatMul(math::Transpose::kYes, math::Transpose::kNo, 1, sample, sample, 0,
               {covariance.data(), d, d, d});
  double spread = 0;
  for (size_t a = 0; a < d; ++a) spread += static_cast<double>(covariance[a * d + a]);

  // A fixed start in which no coordinate is zero.
  result.axes.resize(h * d);
  for (size_t i = 0; i < result.axes.size(); ++i) {
    result.axes[i] = 1 + std::sin(static_cast<double>(3 * i + 1));
  }
  Orthonormalise(result.axes, h, d);
  std::vector<double> kept(h);
  std::vector<float> axes(h * d);
  std::vector<float> image(h * d);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    std::copy(result.axes.begin(), result.axes.end(), axes.begin());  // to float
    math::MatMul(math::Transpose::kNo, math::Transpose::kNo, 1, {axes.data(), h, d, d},
                 {covariance.data(), d, d, d}, 0, {image.data(), h, d, d});
    for (size_t i = 0; i < h; ++i) {
      kept[i] = 0;
      for (size_t j = 0; j < d; ++j) {
        kept[i] += result.axes[i * d + j] * static_cast<double>(image[i * d + j]);
      }
    }
    std::copy(image.begin(), image.end(), result.axes.begin());
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
