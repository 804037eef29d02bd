#include "tandem/index/scorer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "tandem/index/search_arguments.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

// Of all items: a filter admits the same share anywhere.
size_t LikelyRankOf(size_t n, const Wanted& wanted) {
  return std::min(n, wanted.LikelyRank() * n / std::max<size_t>(wanted.admitted, 1));
}

// A binary search without branches, which nothing could foretell.
bool Contains(std::span<const int32_t> ascending, int32_t item) {
  if (ascending.empty()) return false;
  const int32_t* first = ascending.data();  // not above the item, if any is not
  for (size_t left = ascending.size(); left > 1;) {
    const size_t half = left / 2;
    first += first[half] <= item ? half : 0;
    left -= half;
  }
  return *first == item;
}

}  // namespace

Scorer::Scorer(const ScanData& data, std::span<const float> query, const Wanted& wanted)
    : data_(data),
      query_(query),
      likely_rank_(LikelyRankOf(data.n, wanted)),
      excluded_(wanted.exclude),
      filter_(wanted.filter),
      best_(wanted.k) {}

double Scorer::Tighten() {
  Flush();
  return best_.Tighten();
}

void Scorer::PickRows(const TileSet& set, size_t tile, uint64_t rows) {
  const size_t begin = tile * math::kTileRows;
  if (set.rows - begin < math::kTileRows) rows &= (uint64_t{1} << (set.rows - begin)) - 1;
  for (; rows != 0; rows &= rows - 1) {
    const size_t place = begin + static_cast<size_t>(std::countr_zero(rows));
    if (!set.items.empty()) {
      PickItem(set.items[place]);
      continue;
    }
    const int32_t item = data_.item_of[place];
    if (static_cast<size_t>(item) >= data_.n) continue;  // of a damaged file
    if (filter_ != nullptr && !filter_->Contains(item)) continue;
    if (Contains(excluded_, item)) continue;
    Add(data_.RowAt(place), item);
  }
}

void Scorer::PickItem(int32_t item) {
  if (Contains(excluded_, item)) return;
  // A damaged file may name another item's row, which costs a true score and nothing else: to ask
  // whose it is would be a wait for the memory.
  const size_t row = data_.RowOf(item);
  if (row < data_.n) Add(row, item);  // else the file is damaged
}

// Rows that are picked lie far apart: they are on their way while others are picked.
void Scorer::Add(size_t row, int32_t item) {
  if (pending_count_ == kMostPending) Flush();
  if (data_.row_format == RowFormat::kFloat) data_.PrefetchRow(row);
  pending_rows_[pending_count_] = static_cast<uint32_t>(row);
  pending_items_[pending_count_++] = item;
}

void Scorer::Flush() {
  const std::span<const uint32_t> rows(pending_rows_, pending_count_);
  float scores[kMostPending];
  const std::span<float> to(scores, rows.size());
  if (data_.row_format == RowFormat::kFloat) {
    Score(data_.rows.data(), rows, to);
  } else {
    std::vector<float> decoded(rows.size() * data_.dimension);
    uint32_t order[kMostPending];
    for (uint32_t i = 0; i < rows.size(); ++i) {
      order[i] = i;
      data_.CopyRow(rows[i], std::span(decoded).subspan(i * data_.dimension, data_.dimension));
    }
    Score(decoded.data(), std::span(order, rows.size()), to);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(scores[i])) {
      std::vector<float> row(data_.dimension);
      data_.CopyRow(rows[i], row);
      scores[i] = WideScore(data_.metric(), query_, row);
    }
    best_.Offer({scores[i], pending_items_[i]});
  }
  pending_count_ = 0;
}

void Scorer::Score(const float* rows, std::span<const uint32_t> which,
                   std::span<float> scores) const {
  if (data_.metric() == Metric::kL2) {
    math::SquaredDistanceAt(query_, rows, which, scores);
    for (float& score : scores) score = -score;
  } else {
    math::DotAt(query_, rows, which, scores);
  }
}

}  // namespace tandem::index
