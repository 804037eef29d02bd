#include "tandem/cli/index_engine.h"
#include "tandem/cli/index_input.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/index/attribute_text.h"

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

}  // namespace

Status IndexBuild(Env& env, const IndexBuildOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::Metric metric, index::ParseMetric(options.metric));
  TANDEM_RETURN_IF_ERROR(CheckEngine(options.engine));
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.out));
  TANDEM_ASSIGN_OR_RETURN(const Vectors vectors,
                          ReadVectors(env, {options.vectors, options.dimension, options.tensor}));
  TANDEM_ASSIGN_OR_RETURN(const index::IdMap ids, ReadIds(env, options.ids, vectors.n));
  TANDEM_ASSIGN_OR_RETURN(const index::AttributeTable attributes,
                          ReadTable(env, options.attributes, ids));
  TANDEM_ASSIGN_OR_RETURN(const index::EngineChoice engine,
                          BuildEngine(env, options.engine, metric, vectors));
  TANDEM_RETURN_IF_ERROR(index::WriteIndexFile(env, options.out, engine, ids, attributes));
  TANDEM_ASSIGN_OR_RETURN(const FileInfo info, env.Stat(options.out));
  out << options.out << ": " << vectors.n << " vectors of dimension " << vectors.d << ", "
      << options.metric << ", " << info.bytes << " bytes\n";
  PrintEngine(engine, out);
  return {};
}

}  // namespace tandem::cli
