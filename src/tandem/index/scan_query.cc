#include "tandem/index/scan_query.h"

#include <algorithm>
#include <cmath>

#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

// What rounding can do to a bound and to a score: of the fewer than 4 d + 16 products and sums in
// each of the 1 + sqrt(h) parts, each is off by 2^-24 of what it rounds, at most the product of
// the norms, or by half the least denormal, 2^-150. Twice that much is allowed for.
double Slack(const ScanData& data, double query_norm) {
  const double roundings = static_cast<double>(4 * data.inner() + 16) *
                           (1 + std::sqrt(static_cast<double>(data.axes_count)));
  const double items = data.largest_norm;
  double rounded = query_norm * items;
  // The distance itself is a sum of squares of q - x.
  if (data.metric == Metric::kL2) rounded += (query_norm + items) * (query_norm + items);
  return roundings * (0x1p-23 * rounded + 0x1p-148 * (1 + query_norm + items));
}

}  // namespace

ScanQuery::ScanQuery(const ScanData& data, std::span<const float> query) : data_(data) {
  const size_t inner = data.inner();
  const size_t h = data.axes_count;
  std::vector<float> whole(inner + h, 1.0F);  // q', then W' q'
  std::copy(query.begin(), query.end(), whole.begin());
  const std::span<const float> inner_query(whole.data(), inner);
  const std::span<float> head(whole.data() + inner, h);
  square_ = SquaredNorm(query);
  const double square = SquaredNorm(inner_query);
  slack_ = Slack(data, std::sqrt(square));
  rules_nothing_out_ = std::max(std::sqrt(square), data.largest_norm) > kLargestNorm;
  if (rules_nothing_out_) return;

  if (data.axes.empty()) {
    std::copy_n(inner_query.begin(), h, head.begin());
  } else {
    shift_ = static_cast<double>(math::Dot(inner_query, data.mean));
    for (size_t i = 0; i < h; ++i) {
      head[i] = math::Dot(inner_query, data.axes.subspan(i * inner, inner));
    }
  }
  const double of_head = SquaredNorm(head);
  const double lost = RoundingOfSquares(inner, h) * square;
  const double tail = data.axes.empty() ? 0 : std::sqrt(std::max(square - of_head, 0.0) + lost);
  norm_ = std::sqrt(of_head);
  along_[0] = head[0];
  along_[1] = h > 1 ? head[1] : 0;
  const std::span<const float> two(along_);
  rest_ = RoundUp(std::sqrt(std::max(square - SquaredNorm(two), 0.0) + lost));
  Encode(head, tail);
}

void ScanQuery::Encode(std::span<const float> head, double tail) {
  double largest = tail;
  for (const float x : head) largest = std::max(largest, std::abs(static_cast<double>(x)));
  scale_ = std::max(largest / math::kMostQueryCode, 0x1p-120);
  codes_.assign(data_.groups * math::kTileGroup, 0);
  const double inverse = 1 / scale_;
  double error = 0;
  int sum = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    const auto x = static_cast<double>(head[i]);
    const double ratio = x * inverse;
    const int code = static_cast<int>(ratio + (ratio < 0 ? -0.5 : 0.5));
    codes_[i] = static_cast<int8_t>(code);
    sum += code;
    error += (x - scale_ * code) * (x - scale_ * code);
  }
  if (head.size() < codes_.size()) {
    codes_[head.size()] = static_cast<int8_t>(std::min(std::ceil(tail / scale_), 64.0));
  }
  code_error_ = std::sqrt(error);
  offset_ = math::kCodeOffset * sum;
}

double ScanQuery::Needed(float score) const {
  const auto least = static_cast<double>(score);
  return (data_.metric == Metric::kL2 ? (square_ + least) / 2 : least) - shift_ - slack_;
}

void ScanQuery::BoundBoxes(const Boxes& boxes, size_t begin, std::span<float> bounds) const {
  const float* const first = boxes.Side(along_[0] > 0 ? 1 : 0) + begin;
  const float* const second = boxes.Side(along_[1] > 0 ? 3 : 2) + begin;
  math::WeightedSum(along_[0], first, along_[1], second, rest_, boxes.Side(4) + begin, bounds);
}

// What the bytes of a query and of an item lose together.
double ScanQuery::Lost(const TileCode& code) const {
  return code_error_ * static_cast<double>(code.norm) + norm_ * static_cast<double>(code.error);
}

int32_t ScanQuery::Bar(const TileCode& code, double needed) const {
  const double bar = (needed - Lost(code)) / (scale_ * static_cast<double>(code.scale)) + offset_;
  constexpr double kMost = 1 << 30;
  return static_cast<int32_t>(std::floor(std::clamp(bar, -kMost, kMost)));
}

math::SumLine ScanQuery::BoundOf(const TileCode& code) const {
  const double a = scale_ * static_cast<double>(code.scale);
  return {static_cast<float>(a), static_cast<float>(Lost(code) - a * offset_)};
}

}  // namespace tandem::index
