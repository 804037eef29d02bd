#include "tandem/training/data/batch.h"

#include <algorithm>
#include <numeric>

#include "tandem/base/rng.h"

namespace tandem::data {
namespace {

// The values at `rows`, each once, ascending.
std::vector<int32_t> Unique(const std::vector<int32_t>& values, std::span<const int64_t> rows) {
  std::vector<int32_t> unique;
  unique.reserve(rows.size());
  for (const int64_t row : rows) unique.push_back(values[static_cast<size_t>(row)]);
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  return unique;
}

int32_t PlaceOf(const std::vector<int32_t>& sorted, int32_t value) {
  return static_cast<int32_t>(std::lower_bound(sorted.begin(), sorted.end(), value) -
                              sorted.begin());
}

}  // namespace

Batch MakeBatch(const Interactions& interactions, const History& history,
                std::span<const int64_t> rows) {
  Batch batch;
  batch.queries = Unique(interactions.user, rows);
  batch.items = Unique(interactions.item, rows);
  batch.item_counts.assign(batch.items.size(), 0.0f);
  batch.weights.assign(rows.size(), 1.0f);
  batch.query_of.reserve(rows.size());
  batch.item_of.reserve(rows.size());
  batch.ratings.reserve(rows.size());
  for (const int64_t row : rows) {
    const size_t i = static_cast<size_t>(row);
    batch.query_of.push_back(PlaceOf(batch.queries, interactions.user[i]));
    batch.item_of.push_back(PlaceOf(batch.items, interactions.item[i]));
    batch.ratings.push_back(interactions.rating[i]);
    batch.item_counts[static_cast<size_t>(batch.item_of.back())] += 1;
  }
  for (const int32_t user : batch.queries) {
    const std::span<const int32_t> seen = history.ItemsOf(user);
    batch.history.insert(batch.history.end(), seen.begin(), seen.end());
    batch.history_offsets.push_back(static_cast<int64_t>(batch.history.size()));
  }
  return batch;
}

Result<BatchPlan> BatchPlan::Create(const Interactions& interactions, const BatchOptions& options) {
  if (options.size < 0) return InvalidArgumentError("batch size ", options.size, ", expected >= 0");
  if (interactions.size() == 0) return InvalidArgumentError("no interactions to make batches of");
  BatchPlan plan(options);
  plan.rows_.resize(interactions.user.size());
  std::iota(plan.rows_.begin(), plan.rows_.end(), int64_t{0});
  if (options.group_by == GroupBy::kInteraction) {
    plan.offsets_.resize(plan.rows_.size() + 1);
    std::iota(plan.offsets_.begin(), plan.offsets_.end(), int64_t{0});
    return plan;
  }
  const auto user_of = [&interactions](int64_t row) {
    return interactions.user[static_cast<size_t>(row)];
  };
  std::stable_sort(plan.rows_.begin(), plan.rows_.end(),
                   [&user_of](int64_t a, int64_t b) { return user_of(a) < user_of(b); });
  for (size_t i = 1; i <= plan.rows_.size(); ++i) {
    if (i == plan.rows_.size() || user_of(plan.rows_[i]) != user_of(plan.rows_[i - 1])) {
      plan.offsets_.push_back(static_cast<int64_t>(i));
    }
  }
  return plan;
}

int64_t BatchPlan::batches() const {
  const int64_t units = static_cast<int64_t>(offsets_.size()) - 1;
  return options_.size == 0 ? 1 : (units + options_.size - 1) / options_.size;
}

std::vector<std::vector<int64_t>> BatchPlan::Epoch(int64_t epoch) const {
  std::vector<int64_t> units(offsets_.size() - 1);
  std::iota(units.begin(), units.end(), int64_t{0});
  const int64_t drawn = options_.reshuffle ? epoch : 0;
  Rng(options_.seed).Fork("batches", static_cast<uint64_t>(drawn)).Shuffle(std::span(units));
  const size_t size = options_.size == 0 ? units.size() : static_cast<size_t>(options_.size);
  std::vector<std::vector<int64_t>> batches(static_cast<size_t>(this->batches()));
  for (size_t i = 0; i < units.size(); ++i) {
    const size_t unit = static_cast<size_t>(units[i]);
    std::vector<int64_t>& batch = batches[i / size];
    batch.insert(batch.end(), rows_.begin() + offsets_[unit], rows_.begin() + offsets_[unit + 1]);
  }
  return batches;
}

}  // namespace tandem::data
