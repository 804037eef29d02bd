#include <utility>

#include "tandem/cli/index_input.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/format/json.h"

namespace tandem::cli {
namespace {

using format::Json;

int64_t Int(uint64_t value) { return static_cast<int64_t>(value); }

Json Describe(const index::IndexFile& index, bool verified) {
  Json json;
  json.Set("path", index.file->path());
  json.Set("engine", index.engine);
  json.Set("exact", index.index->is_exact());
  if (index.ivf != nullptr) {
    json.Set("target_recall", index.ivf->target_recall());
    json.Set("lists", index.ivf->lists());
    Json::Array efforts;
    for (const index::IvfEffort& effort : index.ivf->efforts()) {
      Json entry;
      entry.Set("k", effort.k);
      entry.Set("lists", effort.lists);
      entry.Set("candidates", effort.candidates);
      entry.Set("measured_recall", effort.measured_recall);
      efforts.push_back(std::move(entry));
    }
    json.Set("efforts", std::move(efforts));
  }
  json.Set("metric", index::MetricName(index.metric));
  json.Set("items", index.index->size());
  json.Set("dimension", index.index->dimension());
  json.Set("ids", index.ids.is_identity() ? "row numbers" : "strings");
  json.Set("bytes", Int(index.file->bytes()));
  json.Set("verified", verified);
  Json::Array attributes;
  for (const index::AttributeColumn& column : index.attributes.columns()) {
    Json attribute;
    attribute.Set("name", column.name);
    attribute.Set("kind", index::AttributeKindName(column.kind));
    if (column.kind == index::AttributeKind::kCategory) {
      attribute.Set("values", column.categories.size());
    }
    attributes.push_back(std::move(attribute));
  }
  json.Set("attributes", std::move(attributes));
  Json::Array sections;
  for (const index::SnapshotSection& section : index.file->sections()) {
    Json entry;
    entry.Set("name", section.name);
    entry.Set("bytes", Int(section.bytes));
    entry.Set("checksum", ChecksumHex(section.checksum));
    sections.push_back(std::move(entry));
  }
  json.Set("sections", std::move(sections));
  return json;
}

void PrintEfforts(const index::IvfIndex& ivf, std::ostream& out) {
  for (const index::IvfEffort& effort : ivf.efforts()) {
    out << "recall      " << effort.measured_recall << " at k = " << effort.k
        << ", measured at build, for " << ivf.target_recall() << ": " << effort.lists << " of "
        << ivf.lists() << " lists, " << effort.candidates << " candidates\n";
  }
}

// Of an exact engine over rounded rows, what is rounded is not the search.
std::string_view EngineText(const index::IndexFile& index) {
  if (index.ivf != nullptr) return "ivf, approximate";
  return index.index->is_exact() ? "exact" : "exact scan of rounded rows";
}

void Print(const index::IndexFile& index, bool verified, std::ostream& out) {
  const int64_t n = index.index->size();
  out << "engine      " << EngineText(index) << '\n';
  if (index.ivf != nullptr) PrintEfforts(*index.ivf, out);
  out << "metric      " << index::MetricName(index.metric) << "\nitems       " << n
      << "\ndimension   " << index.index->dimension() << "\nids         "
      << (index.ids.is_identity() ? "row numbers" : "strings") << "\nbytes       "
      << index.file->bytes();
  if (n > 0) out << ", " << index.file->bytes() / static_cast<uint64_t>(n) << " an item";
  out << "\nchecksums   " << (verified ? "all verified" : "of the table; --verify reads all")
      << '\n';
  for (const index::AttributeColumn& column : index.attributes.columns()) {
    out << "attribute   " << column.name << ", " << index::AttributeKindName(column.kind);
    if (column.kind == index::AttributeKind::kCategory) {
      out << " of " << column.categories.size() << " values";
    }
    out << '\n';
  }
  out << "sections\n";
  for (const index::SnapshotSection& section : index.file->sections()) {
    out << "  " << section.name << ' ' << section.bytes << '\n';
  }
}

}  // namespace

Status IndexInfo(Env& env, const IndexInfoOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, options.index));
  if (options.verify) {
    TANDEM_RETURN_IF_ERROR(index.file->Verify());
    TANDEM_RETURN_IF_ERROR(index.ids.Verify());
  }
  const bool verified = options.verify || index.file->bytes() <= index::kVerifiedAtOpen;
  if (options.json) {
    TANDEM_ASSIGN_OR_RETURN(const std::string text,
                            format::SerializeJson(Describe(index, verified)));
    out << text << '\n';
  } else {
    Print(index, verified, out);
  }
  return {};
}

}  // namespace tandem::cli
