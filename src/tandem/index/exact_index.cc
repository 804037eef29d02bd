#include "tandem/index/exact_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

constexpr size_t kBlock = 256;  // rows; their scores stay in the level-1 cache
// A dot product of d terms in float is at most d roundings away from the true one: each of
// 2^-24 of what it rounds, at most |a| |b| (1 + small), or of half the least denormal, 2^-150.
// Twice that much is added to the bound of Cauchy and Schwarz.
constexpr double kRelativeRounding = 0x1p-23;
constexpr double kAbsoluteRounding = 0x1p-148;

struct Hit {
  float score;
  int32_t item;
};

// Better first: larger score, then smaller item.
bool Better(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.item < b.item;
}

double Norm(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

// The k best of what it is offered. Keeps up to twice as many before it selects.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k) { hits_.reserve(2 * k + kBlock); }

  // No score below this can be among the k best.
  float threshold() const { return threshold_; }
  void Offer(Hit hit) { hits_.push_back(hit); }
  void Shrink() {
    if (hits_.size() < 2 * k_) return;
    Select();
  }
  void Select() {
    if (hits_.size() <= k_) return;
    const auto kth = hits_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(hits_.begin(), kth, hits_.end(), Better);
    threshold_ = kth->score;
    hits_.resize(k_);
  }
  // All that are left, best first.
  std::span<const Hit> Sorted() {
    Select();
    std::sort(hits_.begin(), hits_.end(), Better);
    return hits_;
  }

 private:
  size_t k_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> hits_;
};

}  // namespace

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
  std::vector<double> norms(count);
  for (size_t i = 0; i < count; ++i) {
    norms[i] = Norm(rows.subspan(i * dimension, dimension));
    if (!std::isfinite(norms[i])) {
      return InvalidArgumentError("item ", i, " has a number that is not finite");
    }
  }
  std::unique_ptr<ExactIndex> index(new ExactIndex());
  index->dimension_ = dimension;
  index->bound_factor_ = 1 + kRelativeRounding * static_cast<double>(dimension + 1);
  index->bound_term_ = kAbsoluteRounding * static_cast<double>(dimension + 1);
  index->item_of_.resize(count);
  std::iota(index->item_of_.begin(), index->item_of_.end(), 0);
  std::sort(index->item_of_.begin(), index->item_of_.end(), [&norms](int32_t a, int32_t b) {
    const double norm_a = norms[static_cast<size_t>(a)];
    const double norm_b = norms[static_cast<size_t>(b)];
    return norm_a != norm_b ? norm_a > norm_b : a < b;
  });
  index->rows_.reserve(rows.size());
  for (size_t i = 0; i < count; ++i) {
    const auto item = static_cast<size_t>(index->item_of_[i]);
    const std::span<const float> row = rows.subspan(item * dimension, dimension);
    index->rows_.insert(index->rows_.end(), row.begin(), row.end());
    if (i % kBlock == 0) index->block_norms_.push_back(norms[item]);
  }
  return index;
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

void ExactIndex::SearchOne(std::span<const float> query, std::span<const int32_t> exclude,
                           const Bitmap* filter, std::span<int32_t> ids,
                           std::span<float> scores) const {
  const size_t k = ids.size();
  const double query_norm = Norm(query) * bound_factor_;
  TopK best(std::min(k, item_of_.size()));
  float block_scores[kBlock];
  int32_t places[kBlock];
  for (size_t begin = 0; begin < item_of_.size(); begin += kBlock) {
    const double bound = query_norm * block_norms_[begin / kBlock] + bound_term_;
    if (bound < static_cast<double>(best.threshold())) break;
    const size_t n = std::min(kBlock, item_of_.size() - begin);
    math::ScoreRows(query, std::span(rows_).subspan(begin * dimension_, n * dimension_),
                    std::span(block_scores, n));
    const size_t found = math::PlacesAtLeast(std::span(block_scores, n), best.threshold(), places);
    for (size_t i = 0; i < found; ++i) {
      const auto place = static_cast<size_t>(places[i]);
      const int32_t item = item_of_[begin + place];
      if (filter != nullptr && !filter->Contains(item)) continue;
      if (std::binary_search(exclude.begin(), exclude.end(), item)) continue;
      best.Offer({block_scores[place], item});
    }
    best.Shrink();
  }
  const std::span<const Hit> hits = best.Sorted();
  for (size_t i = 0; i < k; ++i) {
    ids[i] = i < hits.size() ? hits[i].item : -1;
    scores[i] = i < hits.size() ? hits[i].score : -std::numeric_limits<float>::infinity();
  }
}

}  // namespace tandem::index
