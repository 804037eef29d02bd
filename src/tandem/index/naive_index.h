// The reference of every index: all scores in double, one sort. Slow and plainly right; tests
// compare with it.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tandem/index/item_index.h"
#include "tandem/index/metric.h"

namespace tandem::index {

class NaiveIndex final : public ItemIndex {
 public:
  // rows [n, d], d >= 1.
  NaiveIndex(std::span<const float> rows, int64_t d, Metric metric = Metric::kDot)
      : rows_(rows.begin(), rows.end()), d_(d), metric_(metric) {}

  Status Search(std::span<const float> queries, const SearchOptions& options,
                std::span<int32_t> ids, std::span<float> scores) const override {
    const auto d = static_cast<size_t>(d_);
    const auto k = static_cast<size_t>(options.k);
    for (size_t q = 0; q * d < queries.size(); ++q) {
      std::vector<std::pair<double, int32_t>> ranking;  // negative score, item
      for (size_t i = 0; i * d < rows_.size(); ++i) {
        const auto item = static_cast<int32_t>(i);
        if (options.filter != nullptr && !options.filter->Contains(item)) continue;
        if (!options.exclude.empty() &&
            std::binary_search(options.exclude[q].begin(), options.exclude[q].end(), item)) {
          continue;
        }
        const double score = Score(queries.subspan(q * d, d), std::span(rows_).subspan(i * d, d));
        ranking.emplace_back(-score, item);
      }
      std::sort(ranking.begin(), ranking.end());
      for (size_t i = 0; i < k; ++i) {
        const bool found = i < ranking.size();
        ids[q * k + i] = found ? ranking[i].second : -1;
        scores[q * k + i] =
            found ? static_cast<float>(-ranking[i].first) : -std::numeric_limits<float>::infinity();
      }
    }
    return {};
  }
  bool is_exact() const override { return true; }
  void CopyVector(int32_t row, std::span<float> vector) const override {
    std::copy_n(rows_.begin() + row * d_, d_, vector.begin());
  }
  int64_t size() const override { return static_cast<int64_t>(rows_.size()) / d_; }
  int64_t dimension() const override { return d_; }

 private:
  double Score(std::span<const float> query, std::span<const float> row) const {
    double dot = 0;
    double query_square = 0;
    double row_square = 0;
    double distance = 0;
    for (size_t j = 0; j < query.size(); ++j) {
      const auto q = static_cast<double>(query[j]);
      const auto x = static_cast<double>(row[j]);
      dot += q * x;
      query_square += q * q;
      row_square += x * x;
      distance += (q - x) * (q - x);
    }
    if (metric_ == Metric::kL2) return -distance;
    if (metric_ == Metric::kDot) return dot;
    const double norms = std::sqrt(query_square) * std::sqrt(row_square);
    return norms > 0 ? dot / norms : 0;
  }

  std::vector<float> rows_;
  int64_t d_;
  Metric metric_;
};

}  // namespace tandem::index
