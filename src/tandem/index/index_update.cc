#include "tandem/index/index_update.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/index/live_attributes.h"

namespace tandem::index {
namespace {

constexpr int64_t kMostItems = std::numeric_limits<int32_t>::max();

// Where each row of `more` goes: the row of its id, or a new one.
Result<std::vector<int32_t>> PlaceRows(const IdMap& more, const IdMap& ids) {
  std::vector<int32_t> row_of(static_cast<size_t>(more.size()));
  int64_t next = ids.size();
  for (size_t i = 0; i < row_of.size(); ++i) {
    TANDEM_ASSIGN_OR_RETURN(const std::string id, more.Id(static_cast<int32_t>(i)));
    row_of[i] = ids.Find(id);
    if (row_of[i] >= 0) continue;
    if (next >= kMostItems) {
      return InvalidArgumentError("item '", id, "' would be number ", next + 1, ", at most ",
                                  kMostItems);
    }
    row_of[i] = static_cast<int32_t>(next++);
  }
  return row_of;
}

// Row numbers stay the ids where those of the new rows are that.
Result<IdMap> ExtendIds(const IdMap& ids, const IdMap& more, std::span<const int32_t> row_of,
                        int64_t n) {
  if (n == ids.size()) return ids;
  bool are_row_numbers = ids.is_identity();
  std::vector<std::string> names;
  for (int32_t row = 0; row < ids.size() && !are_row_numbers; ++row) {
    TANDEM_ASSIGN_OR_RETURN(std::string name, ids.Id(row));
    names.push_back(std::move(name));
  }
  std::vector<std::string> added;
  for (size_t i = 0; i < row_of.size(); ++i) {
    if (row_of[i] < ids.size()) continue;
    TANDEM_ASSIGN_OR_RETURN(std::string name, more.Id(static_cast<int32_t>(i)));
    are_row_numbers = are_row_numbers && name == std::to_string(row_of[i]);
    added.push_back(std::move(name));
  }
  if (are_row_numbers) return IdMap::Identity(n);
  if (ids.is_identity()) {
    for (int64_t row = 0; row < ids.size(); ++row) names.push_back(std::to_string(row));
  }
  names.insert(names.end(), added.begin(), added.end());
  return IdMap::Build(std::vector<std::string_view>(names.begin(), names.end()));
}

Result<AttributeTable> UpsertAttributes(const AttributeTable& more, const AttributeTable& table,
                                        std::span<const int32_t> row_of, int64_t n) {
  TANDEM_RETURN_IF_ERROR(CheckColumns(table, more));
  std::vector<int32_t> all(static_cast<size_t>(table.size()));
  for (size_t row = 0; row < all.size(); ++row) all[row] = static_cast<int32_t>(row);
  std::vector<int32_t> not_replaced = all;
  for (const int32_t row : row_of) {
    if (row < table.size()) not_replaced[static_cast<size_t>(row)] = -1;
  }
  const AttributePart parts[] = {{&table, std::move(not_replaced)},
                                 {&more, {row_of.begin(), row_of.end()}}};
  const AttributePart whole = {&table, std::move(all)};
  AttributeTable next(n);
  for (const AttributeColumn& column : table.columns()) {
    const bool is_given = more.Find(column.name) != nullptr;
    TANDEM_RETURN_IF_ERROR(
        GatherColumn(column, is_given ? std::span(parts) : std::span(&whole, 1), next));
  }
  return next;
}

}  // namespace

void IndexItems::SetVectors(std::vector<float> values) {
  const auto kept = std::make_shared<const std::vector<float>>(std::move(values));
  vectors = *kept;
  owner = kept;
}

Result<IndexItems> CopyItems(const IndexFile& file) {
  // All of it is read now: damage must not go into a new file with new checksums.
  TANDEM_RETURN_IF_ERROR(file.file->Verify());
  TANDEM_RETURN_IF_ERROR(file.ids.Verify());
  const auto d = static_cast<size_t>(file.index->dimension());
  std::vector<float> vectors(static_cast<size_t>(file.index->size()) * d);
  for (int32_t row = 0; row < file.index->size(); ++row) {
    file.index->CopyVector(row, std::span(vectors).subspan(static_cast<size_t>(row) * d, d));
  }
  IndexItems items = {.dimension = file.index->dimension(),
                      .vectors = {},
                      .owner = nullptr,
                      .ids = file.ids,
                      .attributes = file.attributes};
  items.SetVectors(std::move(vectors));
  return items;
}

Result<UpsertCounts> UpsertItems(const IndexItems& more, IndexItems& items) {
  if (more.dimension != items.dimension) {
    return InvalidArgumentError("expected vectors of dimension ", items.dimension, ", got ",
                                more.dimension);
  }
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int32_t> row_of, PlaceRows(more.ids, items.ids));
  const int64_t before = items.ids.size();
  const auto added =
      std::count_if(row_of.begin(), row_of.end(), [before](int32_t row) { return row >= before; });
  const int64_t n = before + added;
  TANDEM_ASSIGN_OR_RETURN(IdMap ids, ExtendIds(items.ids, more.ids, row_of, n));
  TANDEM_ASSIGN_OR_RETURN(AttributeTable attributes,
                          UpsertAttributes(more.attributes, items.attributes, row_of, n));
  const auto d = static_cast<size_t>(items.dimension);
  std::vector<float> vectors;
  vectors.reserve(static_cast<size_t>(n) * d);
  vectors.assign(items.vectors.begin(), items.vectors.end());
  vectors.resize(static_cast<size_t>(n) * d);
  for (size_t i = 0; i < row_of.size(); ++i) {
    std::copy_n(more.vectors.data() + i * d, d,
                vectors.data() + static_cast<size_t>(row_of[i]) * d);
  }
  items.SetVectors(std::move(vectors));
  items.ids = std::move(ids);
  items.attributes = std::move(attributes);
  return UpsertCounts{added, more.ids.size() - added};
}

Status RemoveItems(std::span<const int32_t> rows, IndexItems& items) {
  std::vector<int32_t> row_of(static_cast<size_t>(items.ids.size()), 0);
  for (const int32_t row : rows) row_of[static_cast<size_t>(row)] = -1;
  std::vector<std::string> names;
  int32_t n = 0;
  bool are_row_numbers = items.ids.is_identity();
  for (size_t row = 0; row < row_of.size(); ++row) {
    if (row_of[row] < 0) continue;
    are_row_numbers = are_row_numbers && static_cast<size_t>(n) == row;
    row_of[row] = n++;
    TANDEM_ASSIGN_OR_RETURN(std::string name, items.ids.Id(static_cast<int32_t>(row)));
    names.push_back(std::move(name));
  }
  IdMap ids = IdMap::Identity(n);
  if (!are_row_numbers && n > 0) {
    TANDEM_ASSIGN_OR_RETURN(
        ids, IdMap::Build(std::vector<std::string_view>(names.begin(), names.end())));
  }
  const AttributePart left = {&items.attributes, row_of};
  TANDEM_ASSIGN_OR_RETURN(AttributeTable attributes,
                          GatherAttributes(items.attributes, std::span(&left, 1), n));
  const auto d = static_cast<size_t>(items.dimension);
  std::vector<float> vectors;
  vectors.reserve(static_cast<size_t>(n) * d);
  for (size_t row = 0; row < row_of.size(); ++row) {
    if (row_of[row] < 0) continue;
    const std::span<const float> kept = items.vectors.subspan(row * d, d);
    vectors.insert(vectors.end(), kept.begin(), kept.end());
  }
  items.SetVectors(std::move(vectors));
  items.ids = std::move(ids);
  items.attributes = std::move(attributes);
  return {};
}

}  // namespace tandem::index
