#include <vector>

#include "tandem/cli/index_engine.h"
#include "tandem/cli/index_items.h"
#include "tandem/cli/index_verbs.h"

namespace tandem::cli {
namespace {

// Builds the engine, writes the file, and says what is in it.
Status WriteIndex(Env& env, const std::string& path, const IndexEngineOptions& options,
                  index::Metric metric, const index::IndexItems& items, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::EngineChoice engine,
                          BuildEngine(env, options, metric, items.vectors, items.dimension));
  TANDEM_RETURN_IF_ERROR(index::WriteIndexFile(env, path, engine, items.ids, items.attributes));
  TANDEM_ASSIGN_OR_RETURN(const FileInfo info, env.Stat(path));
  out << path << ": " << items.ids.size() << " vectors of dimension " << items.dimension << ", "
      << index::MetricName(metric) << ", " << info.bytes << " bytes\n";
  PrintEngine(engine, out);
  return {};
}

// The engine that an index has, to be built again.
IndexEngineOptions SameEngine(const index::IndexFile& index, const IndexRebuildOptions& rebuild) {
  IndexEngineOptions options;
  options.engine = index.engine;
  if (index.ivf != nullptr) options.target_recall = index.ivf->target_recall();
  if (index.exact != nullptr && index.exact->row_format() == index::RowFormat::kInt8) {
    options.rows = "int8";
  }
  options.sample_queries = rebuild.sample_queries;
  options.threads = rebuild.threads;
  return options;
}

// Calls change(items) between reading an index and writing it, here or elsewhere.
template <typename Change>
Status ChangeIndex(Env& env, const std::string& path, const IndexRebuildOptions& rebuild,
                   std::ostream& out, const Change& change) {
  const std::string& to = rebuild.out.empty() ? path : rebuild.out;
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, to));
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, path));
  const IndexEngineOptions engine = SameEngine(index, rebuild);
  TANDEM_RETURN_IF_ERROR(CheckEngine(engine));
  TANDEM_ASSIGN_OR_RETURN(index::IndexItems items, index::CopyItems(index));
  TANDEM_RETURN_IF_ERROR(change(index, items));
  TANDEM_RETURN_IF_ERROR(WriteIndex(env, to, engine, index.metric, items, out));
  if (index.ids.is_identity() && !items.ids.is_identity()) {
    out << "ids are no longer row numbers: an .npy of answers has row numbers, lines have ids\n";
  }
  return {};
}

// The rows of the ids of a file, a line each.
Result<std::vector<int32_t>> ReadRows(const Env& env, const std::string& path,
                                      const index::IndexFile& index) {
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  std::vector<int32_t> rows;
  for (const std::string_view id : Lines(text)) {
    rows.push_back(index.ids.Find(id));
    if (rows.back() >= 0) continue;
    return NotFoundError(path, ":", rows.size(), ": no item '", id.substr(0, 64), "' in ",
                         index.file->path());
  }
  return rows;
}

}  // namespace

Status CheckUsage(const Env& /*env*/, const IndexBuildOptions& options) {
  TANDEM_RETURN_IF_ERROR(index::ParseMetric(options.metric).status());
  return CheckEngine(options.engine);
}

Status IndexBuild(Env& env, const IndexBuildOptions& options, std::ostream& out) {
  TANDEM_RETURN_IF_ERROR(CheckUsage(env, options));
  TANDEM_ASSIGN_OR_RETURN(const index::Metric metric, index::ParseMetric(options.metric));
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.out));
  ItemSource source;
  source.vectors = {options.vectors, options.dimension, options.tensor};
  source.ids = options.ids;
  source.attributes = options.attributes;
  TANDEM_ASSIGN_OR_RETURN(const index::IndexItems items, ReadItems(env, source));
  return WriteIndex(env, options.out, options.engine, metric, items, out);
}

Status IndexAdd(Env& env, const IndexAddOptions& options, std::ostream& out) {
  ItemSource source;
  source.vectors = {options.vectors, 0, options.tensor};
  source.ids = options.ids;
  source.attributes = options.attributes;
  index::UpsertCounts counts;
  const auto add = [&](const index::IndexFile& index, index::IndexItems& items) -> Status {
    TANDEM_ASSIGN_OR_RETURN(const index::IndexItems more, ReadItemsFor(env, source, index));
    const auto upserted = index::UpsertItems(more, items);
    if (!upserted.ok()) return upserted.status().WithContext(options.vectors);
    counts = *upserted;
    return {};
  };
  TANDEM_RETURN_IF_ERROR(ChangeIndex(env, options.index, options.rebuild, out, add));
  out << counts.added << " added, " << counts.replaced << " replaced\n";
  return {};
}

Status IndexRemove(Env& env, const IndexRemoveOptions& options, std::ostream& out) {
  int64_t removed = 0;
  const auto remove = [&](const index::IndexFile& index, index::IndexItems& items) -> Status {
    TANDEM_ASSIGN_OR_RETURN(const auto rows, ReadRows(env, options.ids, index));
    TANDEM_RETURN_IF_ERROR(index::RemoveItems(rows, items));
    removed = index.ids.size() - items.ids.size();
    return {};
  };
  TANDEM_RETURN_IF_ERROR(ChangeIndex(env, options.index, options.rebuild, out, remove));
  out << removed << " removed\n";
  return {};
}

}  // namespace tandem::cli
