#include "tandem/cli/index_engine.h"

#include <utility>

#include "tandem/base/parallel.h"
#include "tandem/cli/cpu_time.h"
#include "tandem/cli/index_input.h"

namespace tandem::cli {
namespace {

Status OnlyForIvf(const char* flag) {
  return InvalidArgumentError(flag, " is for the engines ivf and auto; the engine is exact");
}

Result<index::RowFormat> ParseRows(const std::string& rows) {
  if (rows == "float") return index::RowFormat::kFloat;
  if (rows == "int8") return index::RowFormat::kInt8;
  return InvalidArgumentError("rows \"", rows, "\"; expected float or int8");
}

}  // namespace

Status CheckEngine(const IndexEngineOptions& options) {
  TANDEM_RETURN_IF_ERROR(ParseRows(options.rows).status());
  if (options.engine == "exact") {
    if (options.target_recall.has_value()) return OnlyForIvf("--target-recall");
    if (!options.sample_queries.empty()) return OnlyForIvf("--sample-queries");
    if (options.threads.has_value()) return OnlyForIvf("--threads");
    return {};
  }
  if (options.engine != "ivf" && options.engine != "auto") {
    return InvalidArgumentError("engine \"", options.engine, "\"; expected exact, ivf or auto");
  }
  if (options.target_recall.has_value() &&
      !(*options.target_recall > 0 && *options.target_recall < 1)) {
    return InvalidArgumentError("--target-recall is ", *options.target_recall,
                                ", expected a share between 0 and 1");
  }
  if (options.rows != "float") {
    return InvalidArgumentError("rows ", options.rows, " are for the engine exact; the engine is ",
                                options.engine);
  }
  return {};
}

Result<index::EngineChoice> BuildEngine(const Env& env, const IndexEngineOptions& options,
                                        index::Metric metric, std::span<const float> vectors,
                                        int64_t d) {
  TANDEM_RETURN_IF_ERROR(CheckEngine(options));
  const int64_t n = static_cast<int64_t>(vectors.size()) / d;
  index::ExactOptions exact;
  exact.metric = metric;
  TANDEM_ASSIGN_OR_RETURN(exact.rows, ParseRows(options.rows));
  index::EngineChoice choice;
  if (options.engine == "exact") {
    // They are there until the file is written. The index that auto measures is as it will be read.
    exact.ownership = index::RowOwnership::kBorrowed;
    TANDEM_ASSIGN_OR_RETURN(choice.exact, index::ExactIndex::Create(vectors, n, d, exact));
    return choice;
  }
  Vectors sample;
  if (!options.sample_queries.empty()) {
    TANDEM_ASSIGN_OR_RETURN(sample, ReadVectors(env, {options.sample_queries, d, ""}));
  }
  index::IvfOptions ivf;
  ivf.metric = metric;
  ivf.target_recall = options.target_recall.value_or(ivf.target_recall);
  ivf.sample_queries = sample.values;
  const int threads = options.threads.value_or(0);
  ivf.threads = threads > 0 ? static_cast<size_t>(threads) : AvailableProcessors();
  if (options.engine == "auto") {
    return index::BuildCheaperEngine(vectors, n, d, exact, ivf, ThreadCpuSeconds);
  }
  TANDEM_ASSIGN_OR_RETURN(choice.ivf, index::IvfIndex::Create(vectors, n, d, ivf));
  return choice;
}

void PrintEngine(const index::EngineChoice& engine, std::ostream& out) {
  if (!engine.reason.empty()) out << "engine " << engine.reason << '\n';
  if (engine.ivf == nullptr) return;
  for (const index::IvfEffort& effort : engine.ivf->efforts()) {
    out << "recall at " << effort.k << ", measured: " << effort.measured_recall << '\n';
  }
}

}  // namespace tandem::cli
