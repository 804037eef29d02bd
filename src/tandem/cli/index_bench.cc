#include <algorithm>
#include <functional>
#include <limits>

#include "tandem/cli/cpu_time.h"
#include "tandem/cli/index_truth.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/format/json.h"
#include "tandem/math/kernels.h"

namespace tandem::cli {
namespace {

constexpr size_t kBatch = 64;  // queries a call
constexpr int kMinPasses = 3;
constexpr int kMaxPasses = 1000;

struct Timing {
  double us = 0;  // of a query, in the best pass
  int passes = 0;
  std::vector<int32_t> rows;  // [q, k] of the last one
};

// Passes over all queries, `batch` of them a call, until `seconds` of CPU time are spent.
Result<Timing> Measure(const index::ItemIndex& index, const Vectors& queries,
                       const Restriction& restriction, int64_t k, size_t batch, double seconds) {
  const auto q = static_cast<size_t>(queries.n);
  const auto d = static_cast<size_t>(queries.d);
  const auto width = static_cast<size_t>(k);
  Timing timing;
  timing.rows.resize(q * width);
  std::vector<float> scores(batch * width);
  double best = std::numeric_limits<double>::infinity();
  double total = 0;
  while (timing.passes < kMinPasses || (total < seconds && timing.passes < kMaxPasses)) {
    const double start = ThreadCpuSeconds();
    for (size_t begin = 0; begin < q; begin += batch) {
      const size_t count = std::min(batch, q - begin);
      TANDEM_RETURN_IF_ERROR(
          index.Search(std::span(queries.values).subspan(begin * d, count * d),
                       restriction.Options(k, begin, count),
                       std::span(timing.rows).subspan(begin * width, count * width),
                       std::span(scores).first(count * width)));
    }
    const double pass = ThreadCpuSeconds() - start;
    best = std::min(best, pass);
    total += pass;
    ++timing.passes;
  }
  timing.us = 1e6 * best / static_cast<double>(q);
  return timing;
}

// "avx2", "avx512", "avx512_vnni", ... of what the kernels call their targets.
std::string KernelName() {
  std::string name(math::TargetName());
  std::transform(name.begin(), name.end(), name.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  if (name == "avx3") return "avx512";
  if (name.compare(0, 5, "avx3_") == 0) return "avx512_vnni";
  return name;
}

// What recall is counted by: the rows of the index, which are not those it was built of where these
// were rounded.
std::string_view RecallAgainst(const index::IndexFile& index) {
  const bool rounded =
      index.exact != nullptr && index.exact->row_format() == index::RowFormat::kInt8;
  return rounded ? "rounded rows" : "rows";
}

}  // namespace

Status IndexBench(Env& env, const IndexBenchOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, options.index));
  TANDEM_ASSIGN_OR_RETURN(const Vectors queries,
                          ReadQueries(env, options.queries, options.tensor, index));
  if (queries.n == 0) return InvalidArgumentError(options.queries, ": no queries");
  TANDEM_ASSIGN_OR_RETURN(const Restriction restriction,
                          Restriction::Read(env, options.restriction, index, queries.n));
  const auto measure = [&](size_t batch) {
    return Measure(*index.index, queries, restriction, options.k, batch, options.seconds);
  };
  TANDEM_ASSIGN_OR_RETURN(const Timing single, measure(1));
  TANDEM_ASSIGN_OR_RETURN(const Timing batched, measure(kBatch));
  Workers workers(AvailableProcessors());
  const auto tops = FindTrueTops(index, queries, restriction, options.k, workers);

  format::Json json;
  json.Set("us_cpu", single.us);
  json.Set("batch_us_cpu", batched.us);
  json.Set("recall", Recall(index, queries, tops, single.rows));
  json.Set("batch_recall", Recall(index, queries, tops, batched.rows));
  json.Set("recall_against", RecallAgainst(index));
  json.Set("kernel", KernelName());
  json.Set("k", options.k);
  json.Set("batch", static_cast<int64_t>(kBatch));
  json.Set("queries", queries.n);
  json.Set("items", index.index->size());
  json.Set("dimension", queries.d);
  json.Set("metric", index::MetricName(index.metric));
  json.Set("engine", index.engine);
  json.Set("exact", index.index->is_exact());
  json.Set("passes", single.passes);
  TANDEM_ASSIGN_OR_RETURN(const std::string text, format::SerializeJson(json));
  if (options.json) {
    out << text << '\n';
    return {};
  }
  out << "one query a call   " << single.us << " us CPU\n"
      << kBatch << " queries a call  " << batched.us << " us CPU a query\n"
      << "recall             " << *json.Find("recall")->AsDouble() << " against a scan of its "
      << RecallAgainst(index) << " in double\nkernel             " << KernelName() << '\n';
  return {};
}

}  // namespace tandem::cli
