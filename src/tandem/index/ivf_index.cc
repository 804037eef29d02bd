#include "tandem/index/ivf_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tandem/index/ivf_search.h"
#include "tandem/index/search_arguments.h"
#include "tandem/index/top_k.h"
#include "tandem/math/kernels.h"
#include "tandem/math/nibbles.h"

namespace tandem::index {
namespace {

constexpr size_t kListBins = 1024;
constexpr size_t kScoreBins = 4096;
constexpr size_t kChunk = 4;           // rows that are scored while the next ones are on their way
constexpr size_t kBegun = 2;           // tiles of the next list that are on their way to the cache
constexpr size_t kSampledWords = 512;  // of a filter
constexpr float kMiddle = 7.5F;        // of the codes 0..15
constexpr double kRowsOfDepth = 3;
// Scoring a row in float costs about as much as scanning the codes of so many.
constexpr double kRowsOfScore = 64;

void Prefetch(const void* from, size_t bytes) {
  constexpr size_t kLine = 64;
  const char* const begin = static_cast<const char*>(from);
  for (size_t i = 0; i < bytes; i += kLine) __builtin_prefetch(begin + i);
}

// x within 0 and most; 0 for NaN, which only a damaged file gives.
float Within(float x, float most) { return x > 0 ? (x < most ? x : most) : 0; }

// The share of the items that a filter admits, from some of its words.
double AdmittedShare(const Bitmap& filter) {
  const std::span<const uint64_t> words = filter.words();
  const size_t step = std::max<size_t>(1, words.size() / kSampledWords);
  size_t admitted = 0;
  size_t seen = 0;
  for (size_t i = 0; i < words.size(); i += step) {
    admitted += static_cast<size_t>(std::popcount(words[i]));
    seen += std::min<size_t>(64, filter.size() - i * 64);
  }
  return seen == 0 ? 0 : static_cast<double>(admitted) / static_cast<double>(seen);
}

}  // namespace

IvfIndex::IvfIndex() = default;
IvfIndex::~IvfIndex() = default;

void IvfIndex::CopyVector(int32_t row, std::span<float> vector) const {
  const auto place = static_cast<size_t>(place_of_[static_cast<size_t>(row)]);
  if (place < item_of_.size()) {  // else the file is damaged
    std::copy_n(rows_.data() + place * dimension_, dimension_, vector.begin());
  } else {
    std::fill(vector.begin(), vector.end(), 0.0F);
  }
}

Status IvfIndex::Search(std::span<const float> queries, const SearchOptions& options,
                        std::span<int32_t> ids, std::span<float> scores) const {
  TANDEM_RETURN_IF_ERROR(CheckSearch(queries, options, ids, scores, item_of_.size(), dimension_));
  std::vector<float> units;
  queries = AsCompared(metric(), queries, dimension_, units);
  const auto k = static_cast<size_t>(options.k);
  const size_t q = queries.size() / dimension_;
  Scratch scratch;
  for (size_t i = 0; i < q; ++i) {
    const Admission admission(
        options.exclude.empty() ? std::span<const int32_t>() : options.exclude[i], options.filter);
    SearchOne(queries.subspan(i * dimension_, dimension_), k, admission, scratch,
              ids.subspan(i * k, k), scores.subspan(i * k, k));
  }
  return {};
}

IvfIndex::Query IvfIndex::Prepare(std::span<const float> query) const {
  std::vector<float> unit(width());  // of length 1: approximate scores only rank
  space_.CopyQuery(query, unit);
  double square = 0;
  for (const float x : unit) square += static_cast<double>(x) * static_cast<double>(x);
  const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  for (float& x : unit) x = static_cast<float>(static_cast<double>(x) * scale);
  Query prepared;
  prepared.coordinates.resize(head_);
  float largest = 0;
  float squares = 0;
  for (size_t i = 0; i < head_; ++i) {
    const float u = math::Dot(query_map_.subspan(i * width(), width()), unit);
    prepared.coordinates[i] = u;
    prepared.reach += std::abs(u);
    squares += u * u;
    largest = std::max(largest, std::abs(u));
  }
  // Rounding adds at most a half to each of h numbers.
  const float room = static_cast<float>(math::kNibbleQuerySum) - static_cast<float>(head_) / 2;
  const float multiplier = largest > 0 ? std::min(127 / largest, room / prepared.reach) : 0.0F;
  prepared.unit = multiplier > 0 ? 1 / multiplier : 0.0F;
  prepared.factors.resize(head_);
  int32_t sum = 0;
  for (size_t i = 0; i < head_; ++i) {
    const float shifted = std::round(prepared.coordinates[i] * multiplier) + 127;
    const int32_t factor = static_cast<int32_t>(Within(shifted, 254)) - 127;
    prepared.factors[i] = static_cast<int8_t>(factor);
    sum += factor;
  }
  prepared.factor_sum = static_cast<float>(sum);
  prepared.coordinates.resize(part_ + 1);
  prepared.coordinates[part_] = std::sqrt(squares / static_cast<float>(head_));
  return prepared;
}

// A counting sort by score, in bins.
void IvfIndex::OrderLists(const Query& query, Scratch& scratch) const {
  scratch.keys.assign(lists_, 0);
  for (size_t j = 0; j <= part_; ++j) {
    math::Axpy(query.coordinates[j], centroids_.subspan(j * lists_, lists_), scratch.keys);
  }
  const auto [least, most] = std::minmax_element(scratch.keys.begin(), scratch.keys.end());
  const float top = *most;
  const float range = top - *least;
  const float scale = range > 0 ? static_cast<float>(kListBins - 1) / range : 0.0F;
  scratch.bins.resize(lists_);
  for (size_t i = 0; i < lists_; ++i) {
    scratch.bins[i] = static_cast<int32_t>(Within((top - scratch.keys[i]) * scale, kListBins - 1));
  }
  scratch.counts.assign(kListBins + 1, 0);
  for (const int32_t bin : scratch.bins) ++scratch.counts[static_cast<size_t>(bin) + 1];
  for (size_t i = 1; i <= kListBins; ++i) scratch.counts[i] += scratch.counts[i - 1];
  scratch.order.resize(lists_);
  for (size_t i = 0; i < lists_; ++i) {
    scratch.order[scratch.counts[static_cast<size_t>(scratch.bins[i])]++] = static_cast<int32_t>(i);
  }
}

// The bar is raised by a histogram of what was found: a bin goes when those above it are enough.
void IvfIndex::Collect(const Query& query, size_t lists, size_t candidates, size_t least,
                       const Admission& admission, Scratch& scratch) const {
  const float spread_worth = query.coordinates[part_];
  const float* const spread = centroids_.data() + part_ * lists_;
  const auto centre = [&](size_t list) { return scratch.keys[list] - spread_worth * spread[list]; };
  float top = -std::numeric_limits<float>::infinity();
  float bottom = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < std::min(lists, lists_); ++i) {
    const auto list = static_cast<size_t>(scratch.order[i]);
    if (RowsOf(list) == 0) continue;
    top = std::max(top, centre(list) + (kMiddle + 1) * steps_[list] * query.reach);
    bottom = std::min(bottom, centre(list));
  }
  bottom = std::min(bottom, 2 * bottom - top);
  const float range = top - bottom;
  const float scale = range > 0 ? static_cast<float>(kScoreBins - 1) / range : 0.0F;
  scratch.counts.assign(kScoreBins, 0);
  scratch.found.clear();
  const bool takes_all = admission.takes_all();
  const size_t tile_bytes = head_ / 2 * math::kNibbleRows;
  size_t bar_bin = 0;
  size_t above = 0;  // found in this bin and better ones
  float bar = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < lists_ && (i < lists || above < least); ++i) {
    const auto list = static_cast<size_t>(scratch.order[i]);
    const size_t tiles = tile_begin_[list + 1] - tile_begin_[list];
    if (i + 1 < lists_) {
      const auto next = static_cast<size_t>(scratch.order[i + 1]);
      Prefetch(codes_.data() + tile_begin_[next] * tile_bytes, kBegun * tile_bytes);
    }
    const float multiplier = query.unit * steps_[list];
    const float base = centre(list) - kMiddle * query.factor_sum * multiplier;
    if (multiplier == 0 && base < bar) continue;
    constexpr int32_t kAll = std::numeric_limits<int16_t>::min();
    int32_t threshold = kAll;
    if (multiplier > 0) {
      const float above_all = std::ceil((bar - base) / multiplier) - static_cast<float>(kAll);
      threshold += static_cast<int32_t>(Within(above_all, -2.0F * static_cast<float>(kAll)));
    }
    if (scratch.places.size() < tiles * math::kNibbleRows) {
      scratch.places.resize(tiles * math::kNibbleRows);
      scratch.sums.resize(tiles * math::kNibbleRows);
    }
    const size_t found = math::NibbleSumsAtLeast(
        query.factors, codes_.subspan(tile_begin_[list] * tile_bytes, tiles * tile_bytes),
        threshold, scratch.places, scratch.sums);
    const size_t rows = RowsOf(list);
    for (size_t f = 0; f < found; ++f) {
      const auto in_list = static_cast<size_t>(scratch.places[f]);
      if (in_list >= rows) break;  // the rest of the last tile
      const auto place = static_cast<uint32_t>(list_begin_[list] + in_list);
      if (!takes_all && (!IsItem(item_of_[place]) || !admission.Takes(item_of_[place]))) continue;
      const float score = base + multiplier * static_cast<float>(scratch.sums[f]);
      const auto bin = static_cast<size_t>(Within((score - bottom) * scale, kScoreBins - 1));
      if (bin < bar_bin) continue;
      ++scratch.counts[bin];
      ++above;
      scratch.found.push_back({score, place});
    }
    if (above < candidates) continue;
    while (above - scratch.counts[bar_bin] >= candidates) above -= scratch.counts[bar_bin++];
    if (bar_bin > 0) bar = bottom + static_cast<float>(bar_bin) / scale;
  }
  const auto is_below = [&](const Candidate& c) {
    return (c.score - bottom) * scale < static_cast<float>(bar_bin);
  };
  scratch.found.erase(std::remove_if(scratch.found.begin(), scratch.found.end(), is_below),
                      scratch.found.end());
}

IvfEffort IvfIndex::EffortFor(double depth) const {
  const IvfEffort& low = efforts_.front();
  const IvfEffort& high = efforts_.back();
  const double at =
      std::max(0.0, std::log(depth / static_cast<double>(low.k)) /
                        std::log(static_cast<double>(high.k) / static_cast<double>(low.k)));
  const auto between = [at](int64_t a, int64_t b) {
    const double ratio = std::max(1.0, static_cast<double>(b) / static_cast<double>(a));
    return static_cast<int64_t>(
        std::min(1e9, std::ceil(static_cast<double>(a) * std::pow(ratio, at))));
  };
  IvfEffort effort;
  // Beyond what was measured, at least a few times as many rows as are asked for.
  const double rows_of_list = static_cast<double>(item_of_.size()) / static_cast<double>(lists_);
  const auto deep = static_cast<int64_t>(kRowsOfDepth * depth / std::max(rows_of_list, 1.0));
  effort.lists = std::max(between(low.lists, high.lists), deep);
  effort.candidates = between(low.candidates, high.candidates);
  return effort;
}

// Into scratch.keys, by scratch.rows.
void IvfIndex::ScoreCandidates(std::span<const float> query, Scratch& scratch) const {
  const std::span<const uint32_t> rows = scratch.rows;
  scratch.keys.resize(rows.size());
  const size_t row_bytes = dimension_ * sizeof(float);
  for (size_t begin = 0; begin < rows.size(); begin += kChunk) {
    const size_t end = std::min(begin + kChunk, rows.size());
    for (size_t i = end; i < std::min(end + kChunk, rows.size()); ++i) {
      Prefetch(rows_.data() + size_t{rows[i]} * dimension_, row_bytes);
    }
    const std::span<float> scores = std::span(scratch.keys).subspan(begin, end - begin);
    if (metric() == Metric::kL2) {
      math::SquaredDistanceAt(query, rows_.data(), rows.subspan(begin, end - begin), scores);
      for (float& score : scores) score = -score;
    } else {
      math::DotAt(query, rows_.data(), rows.subspan(begin, end - begin), scores);
    }
    for (size_t i = begin; i < end; ++i) {
      if (std::isfinite(scratch.keys[i])) continue;
      scratch.keys[i] =
          WideScore(metric(), query, rows_.subspan(size_t{rows[i]} * dimension_, dimension_));
    }
  }
}

void IvfIndex::SearchOne(std::span<const float> query, size_t k, const Admission& admission,
                         Scratch& scratch, std::span<int32_t> ids, std::span<float> scores) const {
  const size_t n = item_of_.size();
  TopK best(std::min(k, n));
  const auto items = static_cast<double>(n);
  // Recall is a mean over all places; behind excluded items are only the hard ones.
  const double depth = std::min(items, static_cast<double>(k + 2 * admission.excluded()));
  IvfEffort effort = EffortFor(depth);
  bool all = false;
  if (admission.filter() != nullptr) {
    // What is admitted lies deeper; the candidates among it are as far from each other.
    const double share = AdmittedShare(*admission.filter());
    effort.lists = EffortFor(share > 0 ? std::min(items, depth / share) : items).lists;
    const double scanned = static_cast<double>(effort.lists) * items / static_cast<double>(lists_);
    all = share * items < scanned / kRowsOfScore + static_cast<double>(k);
  }
  scratch.rows.clear();
  if (all) {
    admission.filter()->ForEach([&](int32_t item) {
      if (!admission.Takes(item)) return;
      const auto place = static_cast<uint32_t>(place_of_[static_cast<size_t>(item)]);
      if (place < n) scratch.rows.push_back(place);  // else the file is damaged
    });
  } else if (n > 0) {
    const Query prepared = Prepare(query);
    OrderLists(prepared, scratch);
    Collect(prepared, static_cast<size_t>(effort.lists), static_cast<size_t>(effort.candidates) + k,
            k, admission, scratch);
    for (const Candidate& candidate : scratch.found) scratch.rows.push_back(candidate.place);
  }
  ScoreCandidates(query, scratch);
  for (size_t i = 0; i < scratch.rows.size(); ++i) {
    // Not below, and so no NaN, which only a damaged file has.
    const int32_t item = item_of_[scratch.rows[i]];
    if (scratch.keys[i] >= best.threshold() && IsItem(item)) best.Offer({scratch.keys[i], item});
  }
  const std::span<const Hit> hits = best.Sorted();
  for (size_t i = 0; i < k; ++i) {
    ids[i] = i < hits.size() ? hits[i].item : -1;
    scores[i] = i < hits.size() ? hits[i].score : -std::numeric_limits<float>::infinity();
  }
}

}  // namespace tandem::index
