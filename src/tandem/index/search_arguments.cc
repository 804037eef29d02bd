#include "tandem/index/search_arguments.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tandem/math/kernels.h"

namespace tandem::index {

Status CheckRows(std::span<const float> rows, int64_t n, int64_t d) {
  if (d < 1 || d > kMaxDimension || n < 0 || n > std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError("an index of ", n, " items of ", d,
                                " dimensions; expected 0 to 2^31 - 1 items of 1 to ", kMaxDimension,
                                " dimensions");
  }
  const auto dimension = static_cast<size_t>(d);
  if (rows.size() / dimension != static_cast<size_t>(n) || rows.size() % dimension != 0) {
    return InvalidArgumentError("got ", rows.size(), " numbers for ", n, " items of ", d);
  }
  if (math::AllFinite(rows)) return {};
  const auto bad =
      std::find_if(rows.begin(), rows.end(), [](float x) { return !std::isfinite(x); });
  return InvalidArgumentError("item ", static_cast<size_t>(bad - rows.begin()) / dimension,
                              " has a number that is not finite");
}

Status CheckSearch(std::span<const float> queries, const SearchOptions& options,
                   std::span<const int32_t> ids, std::span<const float> scores, size_t n,
                   size_t d) {
  if (options.k < 1) return InvalidArgumentError("k is ", options.k, ", expected at least 1");
  const auto k = static_cast<size_t>(options.k);
  const size_t q = queries.size() / d;
  if (queries.size() % d != 0 || ids.size() != q * k || scores.size() != q * k) {
    return InvalidArgumentError("got ", queries.size(), " query numbers, room for ", ids.size(),
                                " ids and ", scores.size(), " scores; expected q * ", d,
                                " and q * ", k);
  }
  if (!options.exclude.empty() && options.exclude.size() != q) {
    return InvalidArgumentError("got ", options.exclude.size(), " exclusion lists for ", q,
                                " queries");
  }
  if (options.filter != nullptr && options.filter->size() != n) {
    return InvalidArgumentError("the filter is for ", options.filter->size(),
                                " items; the index has ", n);
  }
  for (const float x : queries) {
    if (!std::isfinite(x)) return InvalidArgumentError("a query has a number that is not finite");
  }
  return {};
}

std::span<const float> AsCompared(Metric metric, std::span<const float> vectors, size_t d,
                                  std::vector<float>& units) {
  if (metric != Metric::kCosine) return vectors;
  units.assign(vectors.begin(), vectors.end());
  for (size_t i = 0; i < units.size(); i += d) ToUnitLength(std::span(units).subspan(i, d));
  return units;
}

float WideScore(Metric metric, std::span<const float> query, std::span<const float> row) {
  double score = 0;
  for (size_t i = 0; i < query.size(); ++i) {
    const auto q = static_cast<double>(query[i]);
    const auto x = static_cast<double>(row[i]);
    score += metric == Metric::kL2 ? -(q - x) * (q - x) : q * x;
  }
  constexpr auto kMost = static_cast<double>(std::numeric_limits<float>::max());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (score > kMost) return kInfinity;
  if (score < -kMost) return -kInfinity;
  return static_cast<float>(score);
}

}  // namespace tandem::index
