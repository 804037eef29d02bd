#include <utility>

#include "tandem/base/parallel.h"
#include "tandem/cli/cpu_time.h"
#include "tandem/cli/index_input.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/index/attribute_text.h"
#include "tandem/index/engine_choice.h"

namespace tandem::cli {
namespace {

// Row numbers as ids where there is no file of them.
Result<index::IdMap> ReadIds(const Env& env, const std::string& path, int64_t n) {
  if (path.empty()) return index::IdMap::Identity(n);
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  const std::vector<std::string_view> lines = Lines(text);
  if (static_cast<int64_t>(lines.size()) != n) {
    return InvalidArgumentError(path, ": expected a line for each of ", n, " vectors, got ",
                                lines.size());
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) return InvalidArgumentError(path, ":", i + 1, ": the id is empty");
  }
  auto ids = index::IdMap::Build(lines);
  if (!ids.ok()) return ids.status().WithContext(path);
  return ids;
}

Result<index::AttributeTable> ReadTable(const Env& env, const std::string& path,
                                        const index::IdMap& ids) {
  if (path.empty()) return index::AttributeTable(ids.size());
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  index::AttributeTextOptions options;
  const bool is_csv = path.size() >= 4 && path.substr(path.size() - 4) == ".csv";
  options.delimiter = is_csv ? ',' : '\t';
  options.row_of = [&ids](std::string_view id) { return ids.Find(id); };
  auto table = index::ReadAttributes(text, ids.size(), options);
  if (!table.ok()) return table.status().WithContext(path);
  return table;
}

Result<index::ExactOptions> ReadExactOptions(const IndexBuildOptions& options) {
  index::ExactOptions exact;
  TANDEM_ASSIGN_OR_RETURN(exact.metric, index::ParseMetric(options.metric));
  if (options.rows == "int8") {
    exact.rows = index::RowFormat::kInt8;
  } else if (options.rows != "float") {
    return InvalidArgumentError("rows \"", options.rows, "\"; expected float or int8");
  }
  return exact;
}

// The engine that is asked for; "reason" only of "auto".
Result<index::EngineChoice> BuildEngine(const IndexBuildOptions& options,
                                        const index::ExactOptions& exact, const Vectors& vectors,
                                        const Vectors& sample) {
  index::EngineChoice choice;
  if (options.engine == "exact") {
    TANDEM_ASSIGN_OR_RETURN(choice.exact,
                            index::ExactIndex::Create(vectors.values, vectors.n, vectors.d, exact));
    return choice;
  }
  index::IvfOptions ivf;
  ivf.metric = exact.metric;
  ivf.target_recall = options.target_recall;
  ivf.sample_queries = sample.values;
  ivf.threads = options.threads > 0 ? static_cast<size_t>(options.threads) : AvailableProcessors();
  if (options.engine == "auto") {
    return index::BuildCheaperEngine(vectors.values, vectors.n, vectors.d, exact, ivf,
                                     ThreadCpuSeconds);
  }
  TANDEM_ASSIGN_OR_RETURN(choice.ivf,
                          index::IvfIndex::Create(vectors.values, vectors.n, vectors.d, ivf));
  return choice;
}

Status CheckEngine(const IndexBuildOptions& options) {
  if (options.engine == "exact") {
    if (options.sample_queries.empty()) return {};
    return InvalidArgumentError(
        "--sample-queries is for the engines ivf and auto; the engine is exact");
  }
  if (options.engine != "ivf" && options.engine != "auto") {
    return InvalidArgumentError("engine \"", options.engine, "\"; expected exact, ivf or auto");
  }
  if (options.rows != "float") {
    return InvalidArgumentError("rows ", options.rows, " are for the engine exact; the engine is ",
                                options.engine);
  }
  return {};
}

}  // namespace

Status IndexBuild(Env& env, const IndexBuildOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::ExactOptions exact, ReadExactOptions(options));
  TANDEM_RETURN_IF_ERROR(CheckEngine(options));
  TANDEM_ASSIGN_OR_RETURN(const Vectors vectors,
                          ReadVectors(env, {options.vectors, options.dimension, options.tensor}));
  Vectors sample;
  if (!options.sample_queries.empty()) {
    TANDEM_ASSIGN_OR_RETURN(sample, ReadVectors(env, {options.sample_queries, vectors.d, ""}));
  }
  TANDEM_ASSIGN_OR_RETURN(const index::IdMap ids, ReadIds(env, options.ids, vectors.n));
  TANDEM_ASSIGN_OR_RETURN(const index::AttributeTable attributes,
                          ReadTable(env, options.attributes, ids));
  TANDEM_ASSIGN_OR_RETURN(const index::EngineChoice engine,
                          BuildEngine(options, exact, vectors, sample));
  TANDEM_RETURN_IF_ERROR(
      engine.ivf != nullptr
          ? index::WriteIndexFile(env, options.out, *engine.ivf, ids, attributes)
          : index::WriteIndexFile(env, options.out, *engine.exact, ids, attributes));
  TANDEM_ASSIGN_OR_RETURN(const FileInfo info, env.Stat(options.out));
  out << options.out << ": " << vectors.n << " vectors of dimension " << vectors.d << ", "
      << options.metric << ", " << info.bytes << " bytes\n";
  if (!engine.reason.empty()) out << "engine " << engine.reason << '\n';
  if (engine.ivf != nullptr) {
    for (const index::IvfEffort& effort : engine.ivf->efforts()) {
      out << "recall at " << effort.k << ", measured: " << effort.measured_recall << '\n';
    }
  }
  return {};
}

}  // namespace tandem::cli
