#include "tandem/index/exact_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "tandem/index/principal_axes.h"
#include "tandem/index/top_k.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr size_t kBlock = 256;  // rows; their bounds stay in the level-1 cache
static_assert(kBlock % math::kTileRows == 0);

// Axes pay where many items have many coordinates, and a few of them hold three quarters of the
// spread.
constexpr size_t kLeastRows = 1024;
constexpr size_t kLeastDimension = 16;
constexpr size_t kMostDimension = 512;  // axes take d^2 h operations to find
constexpr double kTailShare = 0.25;
// Beyond this, products of floats could overflow: every item is scored.
constexpr double kLargestNorm = 1e18;

// What rounding can do to a bound and to a score of d terms: each product and sum is off by 2^-24
// of what it rounds, at most three times |q| and the largest norm, or by half the least denormal,
// 2^-150. There are fewer than 4 d + 16 of them; twice that much is allowed for.
double Slack(size_t dimension, double query_norm, double largest_norm) {
  const auto roundings = static_cast<double>(4 * dimension + 16);
  return roundings *
         (0x1p-23 * query_norm * largest_norm + 0x1p-148 * (1 + query_norm + largest_norm));
}

template <typename T>
double Norm(std::span<const T> x) {
  double sum = 0;
  for (const T value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

float RoundUp(double x) {
  const auto nearest = static_cast<float>(x);
  return static_cast<double>(nearest) < x
             ? std::nextafter(nearest, std::numeric_limits<float>::infinity())
             : nearest;
}

float RoundDown(double x) { return -RoundUp(-x); }

// A bfloat16 is the upper half of a float: the nearest one, and the next one that is no less than
// x >= 0.
uint32_t NearestBfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}
uint32_t Bfloat16NoLess(double x) { return (std::bit_cast<uint32_t>(RoundUp(x)) + 0xFFFF) >> 16; }
double FromBfloat16(uint32_t half) { return static_cast<double>(std::bit_cast<float>(half << 16)); }

// To whole tiles.
size_t WholeTiles(size_t rows) {
  return (rows + math::kTileRows - 1) / math::kTileRows * math::kTileRows;
}

}  // namespace

// Of kBlock rows, or of the last ones.
struct ExactIndex::Block {
  double norm = 0;         // largest |x - m|
  double least_first = 0;  // along the first axis
  double most_first = 0;
  double rest = 0;  // largest norm of what is left of x - m without that part

  void Add(double row_norm, double row_first, bool is_first_row) {
    norm = std::max(norm, row_norm);
    rest = std::max(rest, std::sqrt(std::max(row_norm * row_norm - row_first * row_first, 0.0)));
    least_first = is_first_row ? row_first : std::min(least_first, row_first);
    most_first = is_first_row ? row_first : std::max(most_first, row_first);
  }
};

// The items that a query leaves out. What a user has seen is just what scores high, so that it is
// asked for often: a bit an item, where they are not too many to clear for each query.
class ExactIndex::Exclusions {
 public:
  // `sorted` must outlive this.
  Exclusions(std::span<const int32_t> sorted, size_t items) : sorted_(sorted) {
    if (sorted.empty() || items > kMostBits) return;
    bits_.emplace(items);
    for (const int32_t item : sorted) {
      if (item >= 0 && static_cast<size_t>(item) < items) bits_->Set(item);
    }
  }

  bool Contains(int32_t item) const {
    if (bits_.has_value()) return bits_->Contains(item);
    return std::binary_search(sorted_.begin(), sorted_.end(), item);
  }

 private:
  static constexpr size_t kMostBits = 1 << 17;  // 16 KiB

  std::span<const int32_t> sorted_;
  std::optional<Bitmap> bits_;
};

struct ExactIndex::Query {
  std::vector<float> coordinates;  // [h + 2], for the tiles
  double norm = 0;
  double first = 0;  // the part along the first axis
  double rest = 0;   // the norm of what is left without it
  double shift = 0;  // q . m
  double slack = 0;

  // No item of the block scores above this.
  double Reach(const Block& block) const {
    const double along = std::max(first * block.least_first, first * block.most_first);
    return std::min(norm * block.norm, along + rest * block.rest) + shift + slack;
  }
  // What a bound must reach so that its item's score may reach `threshold`.
  float Bar(float threshold) const {
    return RoundDown(static_cast<double>(threshold) - shift - slack);
  }
};

ExactIndex::ExactIndex() = default;
ExactIndex::~ExactIndex() = default;

void ExactIndex::ChooseAxes(std::span<const float> rows, size_t n) {
  const size_t d = dimension_;
  head_ = d;
  mean_.assign(d, 0);
  if (n < kLeastRows || d < kLeastDimension || d > kMostDimension) return;
  if (largest_norm_ > kLargestNorm) return;
  PrincipalAxes found = FindPrincipalAxes(rows, n, d, d / 2);
  for (size_t h = 4; h <= d / 2; h += 4) {
    if (found.tail_share[h - 1] > kTailShare) continue;
    head_ = h;
    mean_ = std::move(found.mean);
    axes_ = std::move(found.axes);
    axes_.resize(h * d);
    return;
  }
}

double ExactIndex::Project(std::span<const double> x, std::span<double> head) const {
  if (axes_.empty()) {
    std::copy(x.begin(), x.end(), head.begin());
    return 0;
  }
  std::vector<double> rest(x.begin(), x.end());
  for (size_t i = 0; i < head.size(); ++i) {
    const std::span<const double> axis = std::span(axes_).subspan(i * x.size(), x.size());
    double along = 0;
    for (size_t j = 0; j < x.size(); ++j) along += x[j] * axis[j];
    for (size_t j = 0; j < x.size(); ++j) rest[j] -= along * axis[j];
    head[i] = along;
  }
  return Norm<double>(rest);
}

Result<std::unique_ptr<ExactIndex>> ExactIndex::Create(std::span<const float> rows, int64_t n,
                                                       int64_t d) {
  if (d < 1 || n < 0 || n > std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError("an index of ", n, " items of ", d,
                                " dimensions; expected 0 to 2^31 - 1 items of at least one");
  }
  const auto count = static_cast<size_t>(n);
  const auto dimension = static_cast<size_t>(d);
  if (rows.size() / dimension != count || rows.size() % dimension != 0) {
    return InvalidArgumentError("got ", rows.size(), " numbers for ", n, " items of ", d);
  }
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const double norm = Norm(rows.subspan(i * dimension, dimension));
    if (!std::isfinite(norm)) {
      return InvalidArgumentError("item ", i, " has a number that is not finite");
    }
    largest = std::max(largest, norm);
  }
  std::unique_ptr<ExactIndex> index(new ExactIndex());
  index->dimension_ = dimension;
  index->largest_norm_ = largest;
  index->ChooseAxes(rows, count);
  index->Fill(rows, count);
  return index;
}

void ExactIndex::Fill(std::span<const float> rows, size_t n) {
  const size_t d = dimension_;
  const size_t width = head_ + 2;
  std::vector<uint16_t> halves(n * width);
  std::vector<double> norms(n);
  std::vector<double> firsts(n);
  std::vector<double> centred(d);
  std::vector<double> head(head_);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) centred[j] = static_cast<double>(rows[i * d + j]) - mean_[j];
    norms[i] = Norm<double>(centred);
    largest_norm_ = std::max(largest_norm_, norms[i]);
    const double rest = Project(centred, head);
    firsts[i] = head[0];
    uint16_t* const to = halves.data() + i * width;
    for (size_t j = 0; j < head_; ++j) {
      to[j] = static_cast<uint16_t>(NearestBfloat16(static_cast<float>(head[j])));
      head[j] -= FromBfloat16(to[j]);
    }
    to[head_] = static_cast<uint16_t>(Bfloat16NoLess(Norm<double>(head)));
    to[head_ + 1] = static_cast<uint16_t>(Bfloat16NoLess(rest));
  }
  const std::vector<double>& keys = axes_.empty() ? norms : firsts;
  item_of_.resize(n);
  std::iota(item_of_.begin(), item_of_.end(), 0);
  std::sort(item_of_.begin(), item_of_.end(), [&keys](int32_t a, int32_t b) {
    const double key_a = keys[static_cast<size_t>(a)];
    const double key_b = keys[static_cast<size_t>(b)];
    return key_a != key_b ? key_a > key_b : a < b;
  });
  constexpr size_t kHalf = math::kTileRows / 2;
  tiles_.resize(WholeTiles(n) / math::kTileRows * kHalf * width, 0);
  rows_.reserve(rows.size());
  blocks_.resize((n + kBlock - 1) / kBlock);
  for (size_t i = 0; i < n; ++i) {
    const auto item = static_cast<size_t>(item_of_[i]);
    const size_t place = i % math::kTileRows;
    uint32_t* const tile = tiles_.data() + i / math::kTileRows * kHalf * width;
    for (size_t j = 0; j < width; ++j) {
      tile[j * kHalf + place % kHalf] |= static_cast<uint32_t>(halves[item * width + j])
                                         << (place < kHalf ? 0 : 16);
    }
    const std::span<const float> row = rows.subspan(item * d, d);
    rows_.insert(rows_.end(), row.begin(), row.end());
    blocks_[i / kBlock].Add(norms[item], firsts[item], i % kBlock == 0);
  }
}

Status ExactIndex::Search(std::span<const float> queries, const SearchOptions& options,
                          std::span<int32_t> ids, std::span<float> scores) const {
  if (options.k < 1) return InvalidArgumentError("k is ", options.k, ", expected at least 1");
  const auto k = static_cast<size_t>(options.k);
  const size_t q = queries.size() / dimension_;
  if (queries.size() % dimension_ != 0 || ids.size() != q * k || scores.size() != q * k) {
    return InvalidArgumentError("got ", queries.size(), " query numbers, room for ", ids.size(),
                                " ids and ", scores.size(), " scores; expected q * ", dimension_,
                                " and q * ", k);
  }
  if (!options.exclude.empty() && options.exclude.size() != q) {
    return InvalidArgumentError("got ", options.exclude.size(), " exclusion lists for ", q,
                                " queries");
  }
  if (options.filter != nullptr && options.filter->size() != item_of_.size()) {
    return InvalidArgumentError("the filter is for ", options.filter->size(),
                                " items; the index has ", item_of_.size());
  }
  for (const float x : queries) {
    if (!std::isfinite(x)) return InvalidArgumentError("a query has a number that is not finite");
  }
  for (size_t i = 0; i < q; ++i) {
    SearchOne(queries.subspan(i * dimension_, dimension_),
              options.exclude.empty() ? std::span<const int32_t>() : options.exclude[i],
              options.filter, ids.subspan(i * k, k), scores.subspan(i * k, k));
  }
  return {};
}

ExactIndex::Query ExactIndex::Prepare(std::span<const float> query) const {
  Query prepared;
  prepared.norm = Norm(query);
  prepared.slack = Slack(dimension_, prepared.norm, largest_norm_);
  const std::vector<double> wide(query.begin(), query.end());
  for (size_t j = 0; j < dimension_; ++j) prepared.shift += wide[j] * mean_[j];
  std::vector<double> head(head_);
  const double tail = Project(wide, head);
  prepared.first = head[0];
  prepared.rest = std::sqrt(std::max(prepared.norm * prepared.norm - head[0] * head[0], 0.0));
  prepared.coordinates.reserve(head_ + 2);
  for (const double x : head) prepared.coordinates.push_back(static_cast<float>(x));
  prepared.coordinates.push_back(RoundUp(Norm<double>(head)));
  prepared.coordinates.push_back(RoundUp(tail));
  return prepared;
}

void ExactIndex::SearchOne(std::span<const float> query, std::span<const int32_t> exclude,
                           const Bitmap* filter, std::span<int32_t> ids,
                           std::span<float> scores) const {
  const Query prepared = Prepare(query);
  const bool from_the_end = !axes_.empty() && prepared.first < 0;
  const Exclusions excluded(exclude, item_of_.size());
  TopK best(std::min(ids.size(), item_of_.size()));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const size_t block = from_the_end ? blocks_.size() - 1 - i : i;
    if (prepared.Reach(blocks_[block]) < static_cast<double>(best.threshold())) continue;
    ScanBlock(query, prepared, block, excluded, filter, best);
  }
  const std::span<const Hit> hits = best.Sorted();
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = i < hits.size() ? hits[i].item : -1;
    scores[i] = i < hits.size() ? hits[i].score : -std::numeric_limits<float>::infinity();
  }
}

void ExactIndex::ScanBlock(std::span<const float> query, const Query& prepared, size_t block,
                           const Exclusions& excluded, const Bitmap* filter, TopK& best) const {
  const size_t begin = block * kBlock;
  const size_t n = std::min(kBlock, item_of_.size() - begin);
  const size_t whole = WholeTiles(n);
  const size_t width = prepared.coordinates.size();
  float bounds[kBlock];
  math::ScoreTiles(prepared.coordinates,
                   std::span(tiles_).subspan(begin / 2 * width, whole / 2 * width),
                   std::span(bounds, whole));
  if (std::max(prepared.norm, largest_norm_) > kLargestNorm) {
    std::fill_n(bounds, n, std::numeric_limits<float>::infinity());
  }
  float bar = prepared.Bar(best.threshold());
  int32_t places[kBlock];
  const size_t found = math::PlacesAtLeast(std::span(bounds, n), bar, places);
  for (size_t i = 0; i < found; ++i) {
    const auto place = static_cast<size_t>(places[i]);
    if (bounds[place] < bar) continue;  // it has risen meanwhile
    const int32_t item = item_of_[begin + place];
    if (filter != nullptr && !filter->Contains(item)) continue;
    if (excluded.Contains(item)) continue;
    const std::span<const float> row =
        std::span(rows_).subspan((begin + place) * dimension_, dimension_);
    best.Offer({math::Dot(query, row), item});
    bar = prepared.Bar(best.threshold());
  }
}

}  // namespace tandem::index
