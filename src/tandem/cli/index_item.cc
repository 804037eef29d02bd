// One item of an index: what it holds of it, and the items nearest to it.
#include <charconv>
#include <cmath>
#include <limits>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "tandem/cli/index_input.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/format/json_writer.h"

namespace tandem::cli {
namespace {

Result<int32_t> RowOf(const index::IndexFile& index, const std::string& id) {
  const int32_t row = index.ids.Find(id);
  if (row >= 0) return row;
  return NotFoundError(index.file->path(), ": no item '", id, "' among ", index.index->size());
}

std::vector<float> VectorOf(const index::IndexFile& index, int32_t row) {
  std::vector<float> vector(static_cast<size_t>(index.index->dimension()));
  index.index->CopyVector(row, vector);
  return vector;
}

// The shortest text that reads back the same.
std::string Shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

// `row`: a table of one row, where an item has every value of a column.
std::string AttributeLines(const index::AttributeTable& row) {
  std::string lines;
  for (const index::AttributeColumn& column : row.columns()) {
    lines += column.name + '\t';
    if (column.kind == index::AttributeKind::kNumber) {
      if (!std::isnan(column.numbers[0])) lines += Shortest(column.numbers[0]);
    }
    for (int32_t i = 0; i < column.categories.size(); ++i) {
      if (i > 0) lines += '|';
      lines += column.categories.Value(i);
    }
    lines += '\n';
  }
  return lines;
}

void AppendJsonAttributes(const index::AttributeTable& row, std::string& json) {
  json += '{';
  for (const index::AttributeColumn& column : row.columns()) {
    if (json.back() != '{') json += ',';
    format::AppendJsonString(json, column.name);
    json += ':';
    if (column.kind == index::AttributeKind::kNumber) {
      format::AppendJsonNumber(json, column.numbers[0]);  // null where it is missing
      continue;
    }
    json += '[';
    for (int32_t i = 0; i < column.categories.size(); ++i) {
      if (i > 0) json += ',';
      format::AppendJsonString(json, column.categories.Value(i));
    }
    json += ']';
  }
  json += '}';
}

std::string ItemJson(const std::string& id, std::span<const float> vector,
                     const index::AttributeTable& row) {
  std::string json = "{\"id\":";
  format::AppendJsonString(json, id);
  json += ",\"vector\":[";
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) json += ',';
    format::AppendJsonNumber(json, vector[i]);
  }
  json += "],\"attributes\":";
  AppendJsonAttributes(row, json);
  return json + "}\n";
}

}  // namespace

Status IndexGet(Env& env, const IndexGetOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, options.index));
  TANDEM_ASSIGN_OR_RETURN(const int32_t row, RowOf(index, options.id));
  const std::vector<float> vector = VectorOf(index, row);
  TANDEM_ASSIGN_OR_RETURN(const index::AttributeTable attributes, index.attributes.Row(row));
  if (options.json) {
    out << ItemJson(options.id, vector, attributes);
    return {};
  }
  const auto digits = out.precision(std::numeric_limits<float>::max_digits10);
  for (size_t i = 0; i < vector.size(); ++i) out << (i == 0 ? "" : " ") << vector[i];
  out.precision(digits);
  out << '\n' << AttributeLines(attributes);
  return {};
}

Status IndexNeighbors(Env& env, const IndexNeighborsOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, options.index));
  TANDEM_ASSIGN_OR_RETURN(const int32_t row, RowOf(index, options.id));
  TANDEM_ASSIGN_OR_RETURN(const Restriction restriction,
                          Restriction::Read(env, {"", options.filter}, index, 1));
  index::SearchOptions search = restriction.Options(options.k, 0, 1);
  const std::span<const int32_t> itself(&row, 1);
  search.exclude = {&itself, 1};
  std::vector<int32_t> rows(static_cast<size_t>(options.k));
  std::vector<float> scores(rows.size());
  TANDEM_RETURN_IF_ERROR(index.index->Search(VectorOf(index, row), search, rows, scores));
  for (size_t i = 0; i < rows.size() && rows[i] >= 0; ++i) {
    TANDEM_ASSIGN_OR_RETURN(const std::string id, index.ids.Id(rows[i]));
    out << id << '\t' << scores[i] << '\n';
  }
  return {};
}

}  // namespace tandem::cli
