#include <utility>

#include "tandem/base/parallel.h"
#include "tandem/cli/index_engine.h"
#include "tandem/cli/index_input.h"
#include "tandem/cli/index_items.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/annoy_writer.h"

namespace tandem::cli {
namespace {

namespace annoy = index::annoy;

annoy::AnnoyMetric AnnoyMetricOf(index::Metric metric) {
  switch (metric) {
    case index::Metric::kDot:
      return annoy::AnnoyMetric::kDot;
    case index::Metric::kCosine:
      return annoy::AnnoyMetric::kAngular;
    case index::Metric::kL2:
      break;
  }
  return annoy::AnnoyMetric::kEuclidean;
}

Result<index::Metric> MetricOf(annoy::AnnoyMetric metric, const std::string& path) {
  switch (metric) {
    case annoy::AnnoyMetric::kDot:
      return index::Metric::kDot;
    case annoy::AnnoyMetric::kAngular:
      return index::Metric::kCosine;
    case annoy::AnnoyMetric::kEuclidean:
      return index::Metric::kL2;
    case annoy::AnnoyMetric::kManhattan:
    case annoy::AnnoyMetric::kHamming:
      break;
  }
  return InvalidArgumentError(path, ": is of the metric ", annoy::AnnoyMetricName(metric),
                              "; an index is made from dot, angular (cosine) or euclidean (l2)");
}

size_t Threads(int threads) {
  return threads > 0 ? static_cast<size_t>(threads) : AvailableProcessors();
}

// Row numbers where the ids of the file are these, else the ids as text.
Result<index::IdMap> IdsOf(const annoy::Items& items) {
  const auto n = static_cast<int64_t>(items.ids.size());
  // Ascending from 0 on: without holes the last one says so.
  if (items.ids.empty() || items.ids.back() == n - 1) return index::IdMap::Identity(n);
  std::vector<std::string> text;
  text.reserve(items.ids.size());
  for (const int32_t id : items.ids) text.push_back(std::to_string(id));
  return index::IdMap::Build(std::vector<std::string_view>(text.begin(), text.end()));
}

// What an .ann file is made of.
struct Exported {
  index::IndexItems items;
  index::Metric metric = index::Metric::kDot;
};

Result<Exported> ReadExported(const Env& env, const std::string& path) {
  if (IsBundle(env, path)) {
    ItemSource source;
    source.vectors.path = path;
    TANDEM_ASSIGN_OR_RETURN(index::IndexItems items, ReadItems(env, source));
    return Exported{std::move(items)};
  }
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, path));
  TANDEM_ASSIGN_OR_RETURN(index::IndexItems items, index::CopyItems(index));
  return Exported{std::move(items), index.metric};
}

Result<std::string> IdLines(const index::IdMap& ids) {
  std::string lines;
  for (int32_t row = 0; row < ids.size(); ++row) {
    TANDEM_ASSIGN_OR_RETURN(const std::string id, ids.Id(row));
    if (id.find('\n') != std::string::npos) {
      return InvalidArgumentError("the id of row ", row, " holds the end of a line, --ids-out ",
                                  "cannot write it");
    }
    lines += id + '\n';
  }
  return lines;
}

}  // namespace

Status CheckUsage(const Env& env, const IndexExportAnnoyOptions& options) {
  return CheckDifferent(env, {"--out", options.out}, {"--ids-out", options.ids_out});
}

Status CheckUsage(const Env& /*env*/, const IndexImportAnnoyOptions& options) {
  if (!options.metric.empty()) {
    TANDEM_RETURN_IF_ERROR(annoy::ParseAnnoyMetric(options.metric).status());
  }
  return CheckEngine(options.engine);
}

Status IndexExportAnnoy(Env& env, const IndexExportAnnoyOptions& options, std::ostream& out) {
  TANDEM_RETURN_IF_ERROR(CheckUsage(env, options));
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.out));
  if (!options.ids_out.empty()) {
    TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.ids_out));
  }
  TANDEM_ASSIGN_OR_RETURN(const Exported exported, ReadExported(env, options.index));
  const index::IndexItems& items = exported.items;
  annoy::BuildOptions build;
  build.metric = AnnoyMetricOf(exported.metric);
  build.trees = options.trees;
  build.seed = options.seed;
  Workers workers(Threads(options.threads));
  const auto bytes =
      annoy::BuildAnnoyFile(items.vectors, items.dimension, /*ids=*/{}, build, &workers);
  if (!bytes.ok()) return bytes.status().WithContext(options.index);
  if (!options.ids_out.empty()) {
    TANDEM_ASSIGN_OR_RETURN(const std::string lines, IdLines(items.ids));
    TANDEM_RETURN_IF_ERROR(WriteFileAtomically(env, options.ids_out, lines));
  }
  TANDEM_RETURN_IF_ERROR(WriteFileAtomically(env, options.out, *bytes));
  out << options.out << ": " << annoy::AnnoyMetricName(build.metric) << " of dimension "
      << items.dimension << ", " << items.ids.size() << " items, " << options.trees << " trees";
  if (!items.ids.is_identity()) {
    out << "; its ids are row numbers, "
        << (options.ids_out.empty() ? "--ids-out writes what they stand for"
                                    : "lines of " + options.ids_out);
  }
  out << '\n';
  return {};
}

Status IndexImportAnnoy(Env& env, const IndexImportAnnoyOptions& options, std::ostream& out) {
  TANDEM_RETURN_IF_ERROR(CheckUsage(env, options));
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.out));
  annoy::AnnoyFileOptions known;
  known.dimension = options.dimension;
  if (!options.metric.empty()) {
    TANDEM_ASSIGN_OR_RETURN(known.metric, annoy::ParseAnnoyMetric(options.metric));
  }
  TANDEM_ASSIGN_OR_RETURN(const auto file, annoy::AnnoyFile::Open(env, options.annoy, known));
  TANDEM_ASSIGN_OR_RETURN(const index::Metric metric,
                          MetricOf(file->layout().metric, options.annoy));
  const annoy::Items items = file->CopyItems();
  const auto n = static_cast<int64_t>(items.ids.size());
  TANDEM_ASSIGN_OR_RETURN(const index::IdMap ids, IdsOf(items));
  const auto engine = BuildEngine(env, options.engine, metric, items.rows, items.dimension);
  if (!engine.ok()) return engine.status().WithContext(options.annoy);
  TANDEM_RETURN_IF_ERROR(
      index::WriteIndexFile(env, options.out, *engine, ids, index::AttributeTable(n)));
  out << options.out << ": " << file->Describe() << "; " << n << " vectors, "
      << index::MetricName(metric) << '\n';
  PrintEngine(*engine, out);
  return {};
}

Status IndexRepairAnnoy(Env& env, const IndexRepairAnnoyOptions& options, std::ostream& out) {
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, options.out));
  Workers workers(Threads(options.threads));
  TANDEM_RETURN_IF_ERROR(annoy::RepairDotFile(env, options.in, options.out, options.dimension,
                                              options.seed, &workers));
  out << options.out << ": the items of " << options.in << " in new trees\n";
  return {};
}

}  // namespace tandem::cli
