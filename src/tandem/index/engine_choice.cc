#include "tandem/index/engine_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace tandem::index {
namespace {

constexpr size_t kQueries = 64;
constexpr int kPasses = 3;
constexpr int64_t kTen = 10;

// Rows of the sample, evenly chosen.
std::vector<float> Choose(std::span<const float> rows, size_t d) {
  const size_t n = rows.size() / d;
  const size_t count = std::min(n, kQueries);
  std::vector<float> chosen;
  for (size_t i = 0; i < count; ++i) {
    const std::span<const float> row = rows.subspan(n * i / count * d, d);
    chosen.insert(chosen.end(), row.begin(), row.end());
  }
  return chosen;
}

// A query alone, in microseconds: the best of a few passes.
Result<double> Measure(const ItemIndex& index, std::span<const float> queries,
                       const std::function<double()>& cpu_seconds) {
  const auto d = static_cast<size_t>(index.dimension());
  const size_t q = queries.size() / d;
  std::vector<int32_t> ids(kTen);
  std::vector<float> scores(kTen);
  double best = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < kPasses; ++pass) {
    const double start = cpu_seconds();
    for (size_t i = 0; i < q; ++i) {
      TANDEM_RETURN_IF_ERROR(
          index.Search(queries.subspan(i * d, d), {.k = kTen, .exclude = {}}, ids, scores));
    }
    best = std::min(best, cpu_seconds() - start);
  }
  return 1e6 * best / static_cast<double>(std::max<size_t>(q, 1));
}

double Tenths(double x) { return std::round(10 * x) / 10; }

}  // namespace

Result<EngineChoice> BuildCheaperEngine(std::span<const float> rows, int64_t n, int64_t d,
                                        const ExactOptions& exact_options,
                                        const IvfOptions& ivf_options,
                                        const std::function<double()>& cpu_seconds) {
  if (exact_options.metric != ivf_options.metric) {
    return InvalidArgumentError("the metric is ", MetricName(exact_options.metric),
                                " for the exact index and ", MetricName(ivf_options.metric),
                                " for the approximate one; expected the same");
  }
  EngineChoice choice;
  TANDEM_ASSIGN_OR_RETURN(choice.exact, ExactIndex::Create(rows, n, d, exact_options));
  const std::span<const float> sample = ivf_options.sample_queries;
  if (sample.size() % static_cast<size_t>(d) != 0) {
    return InvalidArgumentError("got ", sample.size(),
                                " numbers of sample queries, expected a multiple of ", d);
  }
  const std::vector<float> queries = Choose(sample.empty() ? rows : sample, static_cast<size_t>(d));
  TANDEM_ASSIGN_OR_RETURN(const double exact, Measure(*choice.exact, queries, cpu_seconds));
  if (exact <= kCheapMicroseconds) {
    choice.reason =
        StrCat("exact: it answers in ", Tenths(exact), " us, within ", kCheapMicroseconds, " us");
    return choice;
  }
  TANDEM_ASSIGN_OR_RETURN(choice.ivf, IvfIndex::Create(rows, n, d, ivf_options));
  TANDEM_ASSIGN_OR_RETURN(const double ivf, Measure(*choice.ivf, queries, cpu_seconds));
  const double recall = std::round(1000 * choice.ivf->efforts()[0].measured_recall) / 1000;
  const bool take = ivf <= kWorthwhileShare * exact;
  choice.reason = StrCat(take ? "ivf" : "exact", ": an exact answer takes ", Tenths(exact),
                         " us, an approximate one ", Tenths(ivf), " us at a measured recall of ",
                         recall, take ? ", less than half" : ", more than half");
  if (take) {
    choice.exact.reset();
  } else {
    choice.ivf.reset();
  }
  return choice;
}

}  // namespace tandem::index
