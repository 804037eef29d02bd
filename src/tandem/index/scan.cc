#include "tandem/index/scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr size_t kTile = math::kTileRows;
constexpr float kScanned = -std::numeric_limits<float>::infinity();

double SquaredNorm(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

float RoundUp(double x) {
  const auto nearest = static_cast<float>(x);
  return static_cast<double>(nearest) < x
             ? std::nextafter(nearest, std::numeric_limits<float>::infinity())
             : nearest;
}

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

Exclusions::Exclusions(std::span<const int32_t> sorted, size_t items) : sorted_(sorted) {
  constexpr size_t kMostBits = 1 << 17;  // 16 KiB
  if (sorted.empty() || items > kMostBits) return;
  bits_.resize((items + 63) / 64);
  for (const int32_t item : sorted) {
    if (item >= 0 && static_cast<size_t>(item) < items) {
      bits_[static_cast<size_t>(item) / 64] |= uint64_t{1} << (item % 64);
    }
  }
}

bool Exclusions::Contains(int32_t item) const {
  if (!bits_.empty()) return (bits_[static_cast<size_t>(item) / 64] >> (item % 64) & 1) != 0;
  return std::binary_search(sorted_.begin(), sorted_.end(), item);
}

Scan::Scan(const ScanData& data, std::span<const float> query, size_t k,
           std::span<const int32_t> exclude, const Bitmap* filter)
    : data_(data), query_(query), excluded_(exclude, data.n), filter_(filter), best_(k) {
  Prepare();
  BoundBlocks();
}

void Scan::Prepare() {
  const size_t inner = data_.inner();
  const size_t h = data_.axes_count;
  std::vector<float> whole(query_.begin(), query_.end());
  if (data_.metric == Metric::kL2) whole.push_back(1);
  square_ = SquaredNorm(query_);
  const double square = SquaredNorm(whole);
  slack_ = Slack(data_, std::sqrt(square));
  scores_all_ = std::max(std::sqrt(square), data_.largest_norm) > kLargestNorm;
  if (scores_all_) return;

  std::vector<float> head(h);
  if (data_.axes.empty()) {
    std::copy_n(whole.begin(), h, head.begin());
  } else {
    shift_ = static_cast<double>(math::Dot(whole, data_.mean));
    for (size_t i = 0; i < h; ++i) head[i] = math::Dot(whole, data_.axes.subspan(i * inner, inner));
  }
  const double of_head = SquaredNorm(head);
  const double lost = RoundingOfSquares(inner, h) * square;
  const double tail = data_.axes.empty() ? 0 : std::sqrt(std::max(square - of_head, 0.0) + lost);
  norm_ = std::sqrt(of_head);
  along_[0] = head[0];
  along_[1] = h > 1 ? head[1] : 0;
  const std::span<const float> two(along_);
  rest_ = RoundUp(std::sqrt(std::max(square - SquaredNorm(two), 0.0) + lost));

  double largest = tail;
  for (const float x : head) largest = std::max(largest, std::abs(static_cast<double>(x)));
  scale_ = std::max(largest / math::kMostQueryCode, 0x1p-120);
  codes_.assign(data_.groups * math::kTileGroup, 0);
  double error = 0;
  int sum = 0;
  for (size_t i = 0; i < h; ++i) {
    const auto x = static_cast<double>(head[i]);
    const double ratio = x / scale_;
    const int code = static_cast<int>(ratio + (ratio < 0 ? -0.5 : 0.5));
    codes_[i] = static_cast<int8_t>(code);
    sum += code;
    error += (x - scale_ * code) * (x - scale_ * code);
  }
  if (h < codes_.size()) {
    codes_[h] = static_cast<int8_t>(std::min(std::ceil(tail / scale_), 64.0));
  }
  code_error_ = std::sqrt(error);
  offset_ = math::kCodeOffset * sum;
}

// The least inner product with which an item may still be among the k best.
double Scan::Needed() const {
  const auto threshold = static_cast<double>(best_.threshold());
  return (data_.metric == Metric::kL2 ? (square_ + threshold) / 2 : threshold) - shift_ - slack_;
}

void Scan::BoundBoxes(const Boxes& boxes, size_t begin, std::span<float> bounds) const {
  const float* const first = boxes.Side(along_[0] > 0 ? 1 : 0) + begin;
  const float* const second = boxes.Side(along_[1] > 0 ? 3 : 2) + begin;
  math::WeightedSum(along_[0], first, along_[1], second, rest_, boxes.Side(4) + begin, bounds);
}

// What a sum of bytes must reach for its item to be scored.
int32_t Scan::Bar(const TileCode& code) const {
  const double lost =
      code_error_ * static_cast<double>(code.norm) + norm_ * static_cast<double>(code.error);
  const double bar = (Needed() - lost) / (scale_ * static_cast<double>(code.scale)) + offset_;
  constexpr double kMost = 1 << 30;
  return static_cast<int32_t>(std::floor(std::clamp(bar, -kMost, kMost)));
}

void Scan::BoundBlocks() {
  block_bounds_.resize(data_.block_count());
  if (scores_all_) {
    std::fill(block_bounds_.begin(), block_bounds_.end(), std::numeric_limits<float>::infinity());
  } else {
    BoundBoxes(data_.block_boxes, 0, block_bounds_);
  }
}

void Scan::Run(size_t most_blocks) {
  if (block_bounds_.empty()) return;
  const auto best = std::max_element(block_bounds_.begin(), block_bounds_.end());
  Visit(static_cast<size_t>(best - block_bounds_.begin()));
  // What is left, with that block's k best known: a heap from the largest bound on.
  std::vector<std::pair<float, uint32_t>> order;
  order.reserve(block_bounds_.size());
  for (size_t block = 0; block < block_bounds_.size(); ++block) {
    if (static_cast<double>(block_bounds_[block]) < Needed()) continue;
    order.emplace_back(block_bounds_[block], static_cast<uint32_t>(block));
  }
  std::make_heap(order.begin(), order.end());
  for (size_t scanned = 1; scanned < most_blocks && !order.empty(); ++scanned) {
    if (static_cast<double>(order.front().first) < Needed()) break;
    Visit(order.front().second);
    std::pop_heap(order.begin(), order.end());
    order.pop_back();
  }
}

void Scan::Visit(size_t block) {
  if (block_bounds_[block] == kScanned) return;
  if (static_cast<double>(block_bounds_[block]) < Needed()) return;
  block_bounds_[block] = kScanned;
  ScanBlock(block);
}

void Scan::ScanBlock(size_t block) {
  const size_t begin = block * kBlockTiles;
  const size_t count = std::min(kBlockTiles, data_.tile_count() - begin);
  float bounds[kBlockTiles];
  if (scores_all_) {
    std::fill_n(bounds, count, std::numeric_limits<float>::infinity());
  } else {
    BoundBoxes(data_.tile_boxes, begin, std::span(bounds, count));
  }
  const double needed = Needed();
  size_t tiles[kBlockTiles + 1];
  size_t left = 0;
  for (size_t i = 0; i < count; ++i) {
    tiles[left] = i;
    left += static_cast<double>(bounds[i]) >= needed ? 1 : 0;
  }
  // While the threshold is rising, the best first.
  if (std::isinf(best_.threshold())) {
    std::sort(tiles, tiles + left, [&bounds](size_t a, size_t b) { return bounds[a] > bounds[b]; });
  }
  for (size_t i = 0; i < left; ++i) {
    if (i + 1 < left) PrefetchTile(begin + tiles[i + 1]);
    if (static_cast<double>(bounds[tiles[i]]) < Needed()) continue;
    ScanTile(begin + tiles[i]);
  }
  ScorePending();
}

void Scan::PrefetchTile(size_t tile) const {
  const uint8_t* const bytes = data_.tiles.data() + tile * data_.tile_bytes();
  for (size_t i = 0; i < data_.tile_bytes(); i += 64) __builtin_prefetch(bytes + i);
}

// Rows that are picked lie far apart: they are on their way while the next tile is added up.
void Scan::ScanTile(size_t tile) {
  const size_t begin = tile * kTile;
  uint64_t rows = ~uint64_t{0};
  if (!scores_all_) {
    rows = math::TileRowsAtLeast(codes_, data_.tiles.data() + tile * data_.tile_bytes(),
                                 Bar(data_.codes[tile]));
  }
  if (data_.n - begin < kTile) rows &= (uint64_t{1} << (data_.n - begin)) - 1;
  ScorePending();
  for (; rows != 0; rows &= rows - 1) {
    const size_t place = begin + static_cast<size_t>(std::countr_zero(rows));
    const int32_t item = data_.item_of[place];
    if (static_cast<size_t>(item) >= data_.n) continue;  // of a damaged file
    if (filter_ != nullptr && !filter_->Contains(item)) continue;
    if (excluded_.Contains(item)) continue;
    Add(place);
  }
}

void Scan::ScoreAdmitted() {
  filter_->ForEach([this](int32_t item) {
    if (excluded_.Contains(item)) return;
    Add(static_cast<size_t>(data_.place_of[static_cast<size_t>(item)]));
    if (pending_count_ == kTile) ScorePending();
  });
  ScorePending();
}

void Scan::Add(size_t place) {
  if (place >= data_.n) return;  // of a damaged file
  const size_t d = data_.dimension;
  if (data_.row_format == RowFormat::kFloat) {
    const float* const row = data_.rows.data() + place * d;
    for (size_t j = 0; j < d; j += 16) __builtin_prefetch(row + j);
  }
  pending_[pending_count_++] = static_cast<uint32_t>(place);
}

void Scan::ScorePending() {
  const std::span<const uint32_t> places(pending_, pending_count_);
  float scores[kTile];
  const std::span<float> to(scores, places.size());
  if (data_.row_format == RowFormat::kFloat) {
    ScoreRows(data_.rows.data(), places, to);
  } else {
    std::vector<float> rows(places.size() * data_.dimension);
    uint32_t order[kTile];
    for (uint32_t i = 0; i < places.size(); ++i) {
      order[i] = i;
      data_.CopyRow(places[i], std::span(rows).subspan(i * data_.dimension, data_.dimension));
    }
    ScoreRows(rows.data(), std::span(order, places.size()), to);
  }
  for (size_t i = 0; i < places.size(); ++i) {
    best_.Offer({scores[i], data_.item_of[places[i]]});
  }
  pending_count_ = 0;
}

void Scan::ScoreRows(const float* rows, std::span<const uint32_t> places,
                     std::span<float> scores) const {
  if (data_.metric == Metric::kL2) {
    math::SquaredDistanceAt(query_, rows, places, scores);
    for (float& score : scores) score = -score;
  } else {
    math::DotAt(query_, rows, places, scores);
  }
}

}  // namespace tandem::index
