#include "tandem/training/metric/top_k_accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tandem/math/matmul.h"

namespace tandem::metric {
namespace {

// An item that is never among the first k.
constexpr int64_t kMiss = std::numeric_limits<int64_t>::max();

Status CheckRows(std::string_view what, std::span<const int32_t> rows, int64_t low, int64_t high) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < low || rows[i] >= high) {
      return InvalidArgumentError(what, "[", i, "] is ", rows[i], ", expected ", low, " to ",
                                  high - 1);
    }
  }
  return {};
}

Status CheckSeen(const TopKInput& input, size_t queries, int64_t items) {
  if (input.seen_offsets.empty() && input.seen.empty()) return {};
  if (input.seen_offsets.size() != queries + 1 || input.seen_offsets.front() != 0 ||
      input.seen_offsets.back() != static_cast<int64_t>(input.seen.size()) ||
      !std::is_sorted(input.seen_offsets.begin(), input.seen_offsets.end())) {
    return InvalidArgumentError("seen_offsets do not cut ", input.seen.size(), " seen items into ",
                                queries, " lists");
  }
  return CheckRows("seen", input.seen, 0, items);
}

Status Check(const TopKInput& input, std::span<const int64_t> ks) {
  if (input.dimension < 1) return InvalidArgumentError("dimension ", input.dimension);
  const size_t d = static_cast<size_t>(input.dimension);
  if (input.queries.size() % d != 0 || input.items.size() % d != 0) {
    return InvalidArgumentError(input.queries.size(), " numbers of queries and ",
                                input.items.size(), " of items are no rows of ", d);
  }
  const size_t m = input.query_of.size();
  if (m == 0) return InvalidArgumentError("no interactions to evaluate");
  if (input.item_of.size() != m || (!input.weights.empty() && input.weights.size() != m)) {
    return InvalidArgumentError(m, " query rows, ", input.item_of.size(), " item rows, ",
                                input.weights.size(), " weights");
  }
  for (const int64_t k : ks) {
    if (k < 1) return InvalidArgumentError("k is ", k, ", expected 1 or more");
  }
  for (const float weight : input.weights) {
    if (!(weight >= 0) || !std::isfinite(weight)) {
      return InvalidArgumentError("weight ", weight, ", expected a finite one, 0 or more");
    }
  }
  const size_t queries = input.queries.size() / d;
  const int64_t items = static_cast<int64_t>(input.items.size() / d);
  TANDEM_RETURN_IF_ERROR(CheckRows("query_of", input.query_of, 0, static_cast<int64_t>(queries)));
  TANDEM_RETURN_IF_ERROR(CheckRows("item_of", input.item_of, -1, items));
  return CheckSeen(input, queries, items);
}

// Interactions by query: those of unique query i are places[offsets[i] .. offsets[i + 1]).
struct ByQuery {
  std::vector<int32_t> queries;
  std::vector<size_t> offsets = {0};
  std::vector<size_t> places;
};

ByQuery GroupByQuery(std::span<const int32_t> query_of) {
  ByQuery grouped;
  grouped.places.resize(query_of.size());
  std::iota(grouped.places.begin(), grouped.places.end(), size_t{0});
  std::stable_sort(grouped.places.begin(), grouped.places.end(),
                   [query_of](size_t a, size_t b) { return query_of[a] < query_of[b]; });
  for (size_t i = 0; i < grouped.places.size(); ++i) {
    const int32_t query = query_of[grouped.places[i]];
    if (i > 0 && grouped.queries.back() == query) continue;
    if (i > 0) grouped.offsets.push_back(i);
    grouped.queries.push_back(query);
  }
  grouped.offsets.push_back(grouped.places.size());
  return grouped;
}

int64_t CountGreater(std::span<const float> scores, float bar) {
  // Narrow counters keep the inner loop in vector registers.
  constexpr size_t kRun = size_t{1} << 20;
  int64_t total = 0;
  for (size_t begin = 0; begin < scores.size(); begin += kRun) {
    int32_t count = 0;
    for (const float score : scores.subspan(begin, std::min(kRun, scores.size() - begin))) {
      count += score > bar ? 1 : 0;
    }
    total += count;
  }
  return total;
}

// Ranks of all interactions of one query, given its scores of all items.
void RankInteractions(const TopKInput& input, int32_t query, std::span<const float> scores,
                      std::span<const size_t> places, std::span<int64_t> ranks) {
  std::span<const int32_t> seen;
  if (!input.seen_offsets.empty()) {
    const size_t begin = static_cast<size_t>(input.seen_offsets[static_cast<size_t>(query)]);
    const size_t end = static_cast<size_t>(input.seen_offsets[static_cast<size_t>(query) + 1]);
    seen = input.seen.subspan(begin, end - begin);
  }
  for (const size_t place : places) {
    const int32_t item = input.item_of[place];
    if (item < 0 || std::binary_search(seen.begin(), seen.end(), item)) continue;
    const float bar = scores[static_cast<size_t>(item)];
    if (!std::isfinite(bar)) continue;
    int64_t rank = CountGreater(scores, bar);
    for (const int32_t other : seen) rank -= scores[static_cast<size_t>(other)] > bar ? 1 : 0;
    ranks[place] = rank;
  }
}

// [m] items with a greater score, kMiss where there is no rank.
std::vector<int64_t> Ranks(const TopKInput& input, Workers& workers) {
  const size_t d = static_cast<size_t>(input.dimension);
  const size_t items = input.items.size() / d;
  const ByQuery grouped = GroupByQuery(input.query_of);
  std::vector<int64_t> ranks(input.query_of.size(), kMiss);
  // Scores of a block stay in the second-level cache for catalogues of some thousand items.
  constexpr size_t kBlock = 32;
  const ShardPlan plan = PlanShards(grouped.queries.size(), kBlock, 64);
  workers.Run(plan.count, [&](size_t shard) {
    std::vector<float> block(kBlock * d);
    std::vector<float> scores(kBlock * items);
    for (size_t begin = plan.Begin(shard); begin < plan.End(shard); begin += kBlock) {
      const size_t count = std::min(kBlock, plan.End(shard) - begin);
      for (size_t i = 0; i < count; ++i) {
        const size_t query = static_cast<size_t>(grouped.queries[begin + i]);
        std::copy_n(input.queries.begin() + static_cast<std::ptrdiff_t>(query * d), d,
                    block.begin() + static_cast<std::ptrdiff_t>(i * d));
      }
      math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1, {block.data(), count, d, d},
                   {input.items.data(), items, d, d}, 0, {scores.data(), count, items, items});
      for (size_t i = 0; i < count; ++i) {
        const size_t first = grouped.offsets[begin + i];
        const size_t last = grouped.offsets[begin + i + 1];
        RankInteractions(input, grouped.queries[begin + i],
                         std::span<const float>(scores).subspan(i * items, items),
                         std::span(grouped.places).subspan(first, last - first), ranks);
      }
    }
  });
  return ranks;
}

}  // namespace

Result<std::vector<double>> TopKAccuracy(const TopKInput& input, std::span<const int64_t> ks,
                                         Workers& workers) {
  TANDEM_RETURN_IF_ERROR(Check(input, ks));
  const std::vector<int64_t> ranks = Ranks(input, workers);
  std::vector<double> hits(ks.size(), 0);
  double total = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const double weight = input.weights.empty() ? 1 : static_cast<double>(input.weights[i]);
    total += weight;
    for (size_t j = 0; j < ks.size(); ++j) {
      if (ranks[i] < ks[j]) hits[j] += weight;
    }
  }
  if (total == 0) return InvalidArgumentError("the weights of all interactions are 0");
  for (double& hit : hits) hit /= total;
  return hits;
}

Status CheckExact(const index::ItemIndex& index) {
  if (index.is_exact()) return {};
  return FailedPreconditionError(
      "top-k accuracy counts scores, which an approximate index does not all find; "
      "evaluate on an exact index");
}

}  // namespace tandem::metric
