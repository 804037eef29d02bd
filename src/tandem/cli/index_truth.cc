#include "tandem/cli/index_truth.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace tandem::cli {
namespace {

constexpr size_t kBlock = 256;  // rows at once

double Norm(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += double{value} * double{value};
  return std::sqrt(sum);
}

double CosineOf(double dot, double query_norm, double norm) {
  return query_norm > 0 && norm > 0 ? dot / query_norm / norm : 0;
}

double Score(index::Metric metric, std::span<const float> query, std::span<const float> x) {
  double dot = 0;
  double distance = 0;
  for (size_t j = 0; j < x.size(); ++j) {
    dot += double{query[j]} * double{x[j]};
    const double difference = double{query[j]} - double{x[j]};
    distance += difference * difference;
  }
  if (metric == index::Metric::kDot) return dot;
  if (metric == index::Metric::kL2) return -distance;
  return CosineOf(dot, Norm(query), Norm(x));
}

// Some rows, coordinate by coordinate, so that a loop over rows is one over neighbours in memory.
struct Block {
  size_t begin = 0;
  size_t count = 0;
  std::vector<double> coordinates;  // [d, kBlock]
  std::vector<double> norms;        // [kBlock]

  explicit Block(size_t d) : coordinates(d * kBlock), norms(kBlock) {}

  void Fill(const index::ItemIndex& index, size_t first, std::vector<float>& vector) {
    begin = first;
    count = std::min(kBlock, static_cast<size_t>(index.size()) - first);
    for (size_t i = 0; i < count; ++i) {
      index.CopyVector(static_cast<int32_t>(first + i), vector);
      for (size_t j = 0; j < vector.size(); ++j) coordinates[j * kBlock + i] = double{vector[j]};
      norms[i] = Norm(vector);
    }
  }

  void ScoreAll(index::Metric metric, std::span<const float> query, double query_norm,
                std::vector<double>& scores) const {
    scores.assign(kBlock, 0);
    for (size_t j = 0; j < query.size(); ++j) {
      const double q = double{query[j]};
      const double* const x = coordinates.data() + j * kBlock;
      double* const s = scores.data();
      if (metric == index::Metric::kL2) {
        for (size_t i = 0; i < kBlock; ++i) s[i] -= (q - x[i]) * (q - x[i]);
      } else {
        for (size_t i = 0; i < kBlock; ++i) s[i] += q * x[i];
      }
    }
    if (metric != index::Metric::kCosine) return;
    for (size_t i = 0; i < count; ++i) scores[i] = CosineOf(scores[i], query_norm, norms[i]);
  }
};

bool MayBeFound(const index::SearchOptions& options, int32_t row) {
  if (options.filter != nullptr && !options.filter->Contains(row)) return false;
  return options.exclude.empty() ||
         !std::binary_search(options.exclude[0].begin(), options.exclude[0].end(), row);
}

}  // namespace

std::vector<TrueTop> FindTrueTops(const index::IndexFile& index, const Vectors& queries,
                                  const Restriction& restriction, int64_t k, Workers& workers) {
  const auto d = static_cast<size_t>(queries.d);
  const auto q = static_cast<size_t>(queries.n);
  const auto n = static_cast<size_t>(index.index->size());
  const auto limit = static_cast<size_t>(k);
  std::vector<TrueTop> tops(q);
  const ShardPlan plan = PlanShards(q, 1, workers.threads());
  workers.Run(plan.count, [&](size_t shard) {
    const size_t first = plan.Begin(shard);
    const size_t last = plan.End(shard);
    std::vector<std::vector<double>> best(last - first);  // heaps, the smallest in front
    Block block(d);
    std::vector<float> vector(d);
    std::vector<double> scores;
    for (size_t begin = 0; begin < n; begin += kBlock) {
      block.Fill(*index.index, begin, vector);
      for (size_t i = first; i < last; ++i) {
        const auto query = std::span(queries.values).subspan(i * d, d);
        block.ScoreAll(index.metric, query, Norm(query), scores);
        const index::SearchOptions options = restriction.Options(k, i, 1);
        std::vector<double>& heap = best[i - first];
        for (size_t at = 0; at < block.count; ++at) {
          if (heap.size() == limit && scores[at] <= heap.front()) continue;
          if (!MayBeFound(options, static_cast<int32_t>(begin + at))) continue;
          if (heap.size() == limit) {
            std::pop_heap(heap.begin(), heap.end(), std::greater<>());
            heap.pop_back();
          }
          heap.push_back(scores[at]);
          std::push_heap(heap.begin(), heap.end(), std::greater<>());
        }
      }
    }
    for (size_t i = first; i < last; ++i) {
      const std::vector<double>& heap = best[i - first];
      tops[i] = {heap.empty() ? 0 : heap.front(), static_cast<int64_t>(heap.size())};
    }
  });
  return tops;
}

double Recall(const index::IndexFile& index, const Vectors& queries, std::span<const TrueTop> tops,
              std::span<const int32_t> rows) {
  constexpr double kTolerance = 1e-6;
  const auto d = static_cast<size_t>(queries.d);
  const size_t k = tops.empty() ? 0 : rows.size() / tops.size();
  std::vector<float> vector(d);
  int64_t hits = 0;
  int64_t expected = 0;
  for (size_t i = 0; i < tops.size(); ++i) {
    expected += tops[i].count;
    std::vector<int32_t> found(rows.begin() + static_cast<std::ptrdiff_t>(i * k),
                               rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * k));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    for (const int32_t row : found) {
      if (row < 0) continue;
      index.index->CopyVector(row, vector);
      const double score = Score(index.metric, std::span(queries.values).subspan(i * d, d), vector);
      hits += score >= tops[i].kth - kTolerance * std::abs(tops[i].kth) ? 1 : 0;
    }
  }
  return expected == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(expected);
}

}  // namespace tandem::cli
