#include "tandem/index/scan_query.h"

#include <algorithm>
#include <cmath>

#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

// What rounding can do to a bound and to a score: of the fewer than 4 d + 16 products and sums in
// each of the 1 + sqrt(h) parts, differences from the centre of L2 among them, each is off by 2^-24
// of what it rounds, at most the product of the norms, or by half the least denormal, 2^-150. Twice
// that much is allowed for.
double Slack(const ScanData& data, double query_norm) {
  const double roundings = static_cast<double>(4 * data.inner() + 16) *
                           (1 + std::sqrt(static_cast<double>(data.axes_count)));
  const double items = data.largest_norm;
  double rounded = query_norm * items;
  if (data.metric() == Metric::kL2) {
    // The distance itself is a sum of squares of q - x. Of x' with |x'| >= |x - c|^2 / (2 s), the
    // x - c is no longer than this.
    const double height = static_cast<double>(data.space.height);
    const double farthest = std::min(items, std::sqrt(2 * height * items));
    rounded += (query_norm + farthest) * (query_norm + farthest);
  }
  return roundings * (0x1p-23 * rounded + 0x1p-148 * (1 + query_norm + items));
}

}  // namespace

void QueryCodes::Encode(std::span<const float> head, double tail, size_t groups) {
  double largest = tail;
  for (const float x : head) largest = std::max(largest, std::abs(static_cast<double>(x)));
  scale_ = std::max(largest / math::kMostQueryCode, 0x1p-120);
  codes_.assign(groups * math::kTileGroup, 0);
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
  error_ = std::sqrt(error);
  norm_ = std::sqrt(SquaredNorm(head));
  offset_ = math::kCodeOffset * sum;
}

// What the bytes of a query and of an item lose together.
double QueryCodes::Lost(const TileCode& code) const {
  return error_ * static_cast<double>(code.norm) + norm_ * static_cast<double>(code.error);
}

math::SumBar QueryCodes::SumBarFor(double needed) const {
  return {
      .needed = needed, .by_norm = error_, .by_error = norm_, .scale = scale_, .offset = offset_};
}

int32_t QueryCodes::Bar(const TileCode& tile, double needed) const {
  int32_t bar = 0;
  math::SumBars(SumBarFor(needed), std::span(&tile, 1), &bar);
  return bar;
}

math::SumLine QueryCodes::BoundOf(const TileCode& code) const {
  const double a = scale_ * static_cast<double>(code.scale);
  return {static_cast<float>(a), static_cast<float>(Lost(code) - a * offset_)};
}

ScanQuery::ScanQuery(const ScanData& data, std::span<const float> query) : data_(data) {
  const size_t inner = data.inner();
  const size_t h = data.axes_count;
  std::vector<float> whole(inner);  // q'
  data.space.CopyQuery(query, whole);
  square_ = SquaredNorm(std::span(whole).first(query.size()));
  inner_square_ = SquaredNorm(whole);
  slack_ = Slack(data, std::sqrt(inner_square_));
  rules_nothing_out_ = std::max(std::sqrt(inner_square_), data.largest_norm) > kLargestNorm;
  if (rules_nothing_out_) return;

  head_.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(h));
  if (!data.axes.empty()) {
    shift_ = static_cast<double>(math::Dot(whole, data.mean));
    math::DotRows(whole, data.axes.data(), head_);
  }
  codes_.Encode(head_, data.axes.empty() ? 0 : RestBeyond(h), data.groups);
  along_[0] = head_[0];
  along_[1] = h > 1 ? head_[1] : 0;
  rest_ = RoundUp(RestBeyond(std::min<size_t>(h, 2)));
}

double ScanQuery::RestBeyond(size_t axes) const {
  const double lost = RoundingOfSquares(data_.inner(), data_.axes_count) * inner_square_;
  const double rest = inner_square_ - SquaredNorm(std::span(head_).first(axes));
  return std::sqrt(std::max(rest, 0.0) + lost);
}

QueryCodes ScanQuery::SketchCodes() const {
  QueryCodes codes;
  const size_t axes = data_.sketch_axes();
  codes.Encode(std::span(head_).first(axes), RestBeyond(axes), data_.sketch_groups);
  return codes;
}

double ScanQuery::Needed(float score) const {
  const auto least = static_cast<double>(score);
  return (data_.metric() == Metric::kL2 ? (square_ + least) / 2 : least) - shift_ - slack_;
}

math::BoxBounds ScanQuery::Bounds(const Boxes& boxes, size_t begin) const {
  return {.a = along_[0],
          .x = boxes.Side(along_[0] > 0 ? 1 : 0) + begin,
          .b = along_[1],
          .y = boxes.Side(along_[1] > 0 ? 3 : 2) + begin,
          .c = rest_,
          .z = boxes.Side(4) + begin};
}

void ScanQuery::PrefetchBounds(size_t block) const {
  const math::BoxBounds sides = Bounds(data_.tile_boxes, block * kBlockTiles);
  for (const float* const side : {sides.x, sides.y, sides.z}) __builtin_prefetch(side);
  constexpr size_t kLine = 64;
  const auto* const codes = reinterpret_cast<const char*>(data_.codes.data() + block * kBlockTiles);
  for (size_t i = 0; i < kBlockTiles * sizeof(TileCode); i += kLine) __builtin_prefetch(codes + i);
}

size_t ScanQuery::TilesInReach(size_t begin, size_t count, double needed, uint32_t* tiles,
                               int32_t* bars) const {
  return math::BoxesInReach(Bounds(data_.tile_boxes, begin), RoundUp(needed),
                            codes_.SumBarFor(needed), data_.codes.subspan(begin, count),
                            static_cast<uint32_t>(begin), tiles, bars);
}

}  // namespace tandem::index
