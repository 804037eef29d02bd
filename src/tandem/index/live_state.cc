#include "tandem/index/live_state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <unordered_map>
#include <utility>

#include "tandem/index/scan_data.h"
#include "tandem/index/search_arguments.h"
#include "tandem/math/kernels.h"

namespace tandem::index {
namespace {

// So many dead rows are given to a search as a list; more become bits, at n / 8 bytes a time.
constexpr size_t kMostDead = 128;

bool InSorted(std::span<const int32_t> sorted, int32_t value) {
  return !sorted.empty() && std::binary_search(sorted.begin(), sorted.end(), value);
}

}  // namespace

bool LiveState::IsDeadInBase(int32_t row) const {
  return (living != nullptr && !living->Contains(row)) || InSorted(dead, row);
}

bool LiveState::Lives(int32_t ordinal) const {
  if (ordinal < base->size()) return !IsDeadInBase(ordinal);
  return log->LivesAfter(begin + ordinal - base->size(), change);
}

int32_t LiveState::Find(std::string_view id) const {
  // The base row of an id that is in the log is dead.
  const int64_t row = log->Find(id, begin, end);
  const auto ordinal = row < 0 ? base->Find(id) : static_cast<int32_t>(base->size() + row - begin);
  return ordinal >= 0 && Lives(ordinal) ? ordinal : -1;
}

Result<std::string> LiveState::Id(int32_t ordinal) const {
  if (ordinal < base->size()) return base->Id(ordinal);
  return log->Id(begin + ordinal - base->size());
}

void LiveState::CopyVector(int32_t ordinal, std::span<float> vector) const {
  if (ordinal < base->size()) return base->CopyVector(ordinal, vector);
  const std::span<const float> row = log->Vector(begin + ordinal - base->size());
  std::copy(row.begin(), row.end(), vector.begin());
}

Result<AttributeTable> LiveState::Attributes(int32_t ordinal) const {
  if (ordinal < base->size()) return base->attributes().Row(ordinal);
  const AttributeRow& row = log->Attributes(begin + ordinal - base->size());
  if (row.table == nullptr) return AttributeTable(1);
  return row.table->Row(row.row);
}

void LiveState::Kill(int32_t ordinal) {
  --size;
  if (ordinal >= base->size()) {
    log->Kill(begin + ordinal - base->size(), change);
    return;
  }
  ++base_dead;
  dead.insert(std::upper_bound(dead.begin(), dead.end(), ordinal), ordinal);
  if (dead.size() <= kMostDead) return;
  auto bits = std::make_shared<Bitmap>(
      living != nullptr ? *living : Bitmap::All(static_cast<size_t>(base->size())));
  for (const int32_t row : dead) bits->Reset(row);
  living = std::move(bits);
  dead.clear();
}

void LiveState::Append(std::string_view id, std::span<const float> vector,
                       const AttributeRow& attributes) {
  if (end == log->limit()) {
    log = std::make_shared<DeltaLog>(*log, begin, end, 2 * (end - begin));
  }
  log->Append(end, id, vector, attributes);
  ++end;
  ++size;
}

Result<std::vector<std::vector<Hit>>> LiveState::Search(std::span<const float> queries, int64_t k,
                                                        std::span<const Ordinals> exclude,
                                                        const Filter* filter) const {
  const size_t q = queries.size() / dimension;
  std::optional<Bitmap> passing;
  std::optional<RowFilter> in_log;
  if (filter != nullptr) {
    TANDEM_ASSIGN_OR_RETURN(passing, filter->Evaluate(base->attributes()));
    if (living != nullptr) *passing &= *living;
    in_log.emplace(*filter);
  }
  const auto room = static_cast<size_t>(std::min(k, base->size() - base_dead));
  std::vector<int32_t> ids(q * room);
  std::vector<float> scores(q * room);
  if (room > 0) {
    std::vector<Ordinals> left_out;  // with those that have died
    std::vector<std::span<const int32_t>> lists;
    if (!exclude.empty()) left_out.resize(q);
    if (!exclude.empty() || !dead.empty()) lists.assign(q, dead);
    for (size_t i = 0; i < left_out.size(); ++i) {
      std::set_union(exclude[i].begin(), exclude[i].end(), dead.begin(), dead.end(),
                     std::back_inserter(left_out[i]));
      lists[i] = left_out[i];
    }
    const SearchOptions options{.k = static_cast<int64_t>(room),
                                .exclude = lists,
                                .filter = passing.has_value() ? &*passing : living.get()};
    TANDEM_RETURN_IF_ERROR(base->index().Search(queries, options, ids, scores));
  }
  std::vector<std::vector<Hit>> found(q);
  for (size_t i = 0; i < q; ++i) {
    TopK best(static_cast<size_t>(std::min(k, size)));
    for (size_t j = i * room; j < (i + 1) * room && ids[j] >= 0; ++j) {
      best.Offer({scores[j], ids[j]});
    }
    TANDEM_RETURN_IF_ERROR(ScanLog(queries.subspan(i * dimension, dimension),
                                   exclude.empty() ? std::span<const int32_t>() : exclude[i],
                                   in_log.has_value() ? &*in_log : nullptr, best));
    const std::span<const Hit> hits = best.Sorted();
    found[i].assign(hits.begin(), hits.end());
  }
  return found;
}

namespace {

// The lengths of vectors that can have a score of at least `threshold`, by Cauchy and Schwarz:
// q . x <= |q| |x|, and -|q - x|^2 <= -(|q| - |x|)^2. What sums in float can add to a score is
// allowed for with room to spare, and so are what rounding took from a length and products that
// are too small for a float.
DeltaLog::Lengths LengthsThatReach(Metric metric, double query, size_t d, float threshold) {
  DeltaLog::Lengths all;
  const double rounding = 1e-6 * static_cast<double>(d + 16);
  const auto needed = static_cast<double>(threshold);
  if (rounding > 0.1 || !(query < kLargestNorm)) return all;
  if (metric == Metric::kDot && needed > 1e-30 && query > 0) {
    return {.least = static_cast<float>(needed / query * (1 - rounding)), .most = all.most};
  }
  if (metric == Metric::kL2 && std::isfinite(needed)) {
    const double reach = std::sqrt(std::max(-needed, 0.0));
    const double room = rounding * (query + reach) + 1e-16;
    return {.least = static_cast<float>(query - reach - room),
            .most = static_cast<float>(query + reach + room)};
  }
  return all;
}

}  // namespace

Status LiveState::ScanLog(std::span<const float> query, std::span<const int32_t> exclude,
                          RowFilter* filter, TopK& best) const {
  DeltaLog::LivingRows rows;
  std::array<float, DeltaLog::kChunkRows> room;
  const double length = std::sqrt(SquaredNorm(query));
  if (begin < end) best.Tighten();
  for (int64_t row = begin; row < end; row = rows.next) {
    const DeltaLog::Lengths lengths =
        LengthsThatReach(metric, length, query.size(), best.threshold());
    log->FindLiving(row, end, change, lengths, rows);
    const std::span<const uint32_t> places(rows.places.data(), rows.count);
    const std::span<float> scores(room.data(), rows.count);
    if (metric == Metric::kL2) {
      math::SquaredDistanceAt(query, rows.vectors, places, scores);
      for (float& score : scores) score = -score;
    } else {
      math::DotAt(query, rows.vectors, places, scores);
    }
    for (size_t i = 0; i < places.size(); ++i) {
      if (!std::isfinite(scores[i])) {
        scores[i] = WideScore(metric, query, log->Vector(rows.first + places[i]));
      }
      if (!(scores[i] >= best.threshold())) continue;
      const Hit hit{scores[i], static_cast<int32_t>(base->size() + rows.first + places[i] - begin)};
      if (InSorted(exclude, hit.item)) continue;
      if (filter != nullptr) {
        TANDEM_ASSIGN_OR_RETURN(const bool passes,
                                filter->Passes(log->Attributes(rows.first + places[i])));
        if (!passes) continue;
      }
      best.Offer(hit);
    }
  }
  return {};
}

namespace {

// Those of the items that a merge keeps, at their new rows.
Result<AttributeTable> MergeAttributes(const LiveState& state, std::span<const int32_t> row_of) {
  std::vector<AttributePart> parts(1);
  parts[0].table = &state.base->attributes();
  const auto in_base = static_cast<size_t>(state.base->size());
  parts[0].row_of.assign(row_of.begin(), row_of.begin() + static_cast<std::ptrdiff_t>(in_base));
  std::unordered_map<const AttributeTable*, size_t> part_of;
  for (size_t i = in_base; i < row_of.size(); ++i) {
    const AttributeRow& row =
        state.log->Attributes(state.begin + static_cast<int64_t>(i - in_base));
    if (row_of[i] < 0 || row.table == nullptr) continue;
    const auto [at, is_new] = part_of.emplace(row.table.get(), parts.size());
    if (is_new) {
      parts.push_back(
          {row.table.get(), std::vector<int32_t>(static_cast<size_t>(row.table->size()), -1)});
    }
    parts[at->second].row_of[static_cast<size_t>(row.row)] = row_of[i];
  }
  return GatherAttributes(state.base->attributes(), parts, state.size);
}

}  // namespace

Result<Merged> Merge(const LiveState& state, const BuildItemIndex& build) {
  try {
    Merged merged;
    merged.row_of.assign(static_cast<size_t>(state.ordinals()), -1);
    std::vector<std::string> ids;
    ids.reserve(static_cast<size_t>(state.size));
    std::vector<float> vectors(static_cast<size_t>(state.size) * state.dimension);
    for (size_t i = 0; i < merged.row_of.size(); ++i) {
      const auto ordinal = static_cast<int32_t>(i);
      if (!state.Lives(ordinal)) continue;
      merged.row_of[i] = static_cast<int32_t>(ids.size());
      state.CopyVector(ordinal,
                       std::span(vectors).subspan(ids.size() * state.dimension, state.dimension));
      TANDEM_ASSIGN_OR_RETURN(std::string id, state.Id(ordinal));
      ids.push_back(std::move(id));
    }
    TANDEM_ASSIGN_OR_RETURN(AttributeTable attributes, MergeAttributes(state, merged.row_of));
    TANDEM_ASSIGN_OR_RETURN(merged.base,
                            LiveBase::Create(ids, vectors, state.dimension, std::move(attributes),
                                             state.metric, build));
    return merged;
  } catch (const std::bad_alloc&) {
    return ResourceExhaustedError("no memory for a new base of ", state.size, " items of ",
                                  state.dimension, " numbers");
  }
}

LiveState Rebase(const LiveState& now, const LiveState& merged_from, const Merged& merged) {
  LiveState next;
  next.metric = now.metric;
  next.dimension = now.dimension;
  next.change = now.change + 1;
  next.base = merged.base;
  next.begin = merged_from.end;
  next.end = now.end;
  next.log = std::make_shared<DeltaLog>(*now.log, next.begin, next.end, next.end - next.begin);
  next.size = now.size;
  // `now` has the old base and the old beginning of the log: its ordinals are those of merged_from.
  Bitmap living = Bitmap::All(static_cast<size_t>(merged.base->size()));
  const auto kill = [&](int32_t ordinal) {
    const int32_t row = merged.row_of[static_cast<size_t>(ordinal)];
    if (row < 0) return;
    living.Reset(row);
    ++next.base_dead;
  };
  for (const int32_t row : now.dead) kill(row);
  if (now.living != nullptr && now.living != merged_from.living) {
    Bitmap gone = *now.living;
    gone.Flip();
    if (merged_from.living != nullptr) gone &= *merged_from.living;
    gone.ForEach(kill);
  }
  for (int64_t i = now.base->size(); i < merged_from.ordinals(); ++i) {
    if (!now.Lives(static_cast<int32_t>(i))) kill(static_cast<int32_t>(i));
  }
  if (next.base_dead > 0) next.living = std::make_shared<const Bitmap>(std::move(living));
  return next;
}

}  // namespace tandem::index
