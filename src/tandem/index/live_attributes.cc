#include "tandem/index/live_attributes.h"

#include <limits>
#include <utility>

namespace tandem::index {
namespace {

Status OfAnotherKind(const AttributeColumn& has, AttributeKind expected) {
  return InvalidArgumentError("attribute \"", has.name, "\" is of the kind ",
                              AttributeKindName(has.kind), ", expected ",
                              AttributeKindName(expected));
}

std::vector<AttributeField> FieldsOf(const AttributeTable& table) {
  std::vector<AttributeField> fields;
  for (const AttributeColumn& column : table.columns()) {
    fields.push_back({column.name, column.kind});
  }
  return fields;
}

Status GatherNumbers(const std::string& name, std::span<const AttributePart> parts,
                     AttributeTable& table) {
  std::vector<double> values(static_cast<size_t>(table.size()),
                             std::numeric_limits<double>::quiet_NaN());
  for (const AttributePart& part : parts) {
    const std::span<const double> from = part.table->Find(name)->numbers;
    for (size_t row = 0; row < from.size(); ++row) {
      if (part.row_of[row] >= 0) values[static_cast<size_t>(part.row_of[row])] = from[row];
    }
  }
  return table.AddNumbers(name, std::move(values));
}

Status GatherCategories(const std::string& name, std::span<const AttributePart> parts,
                        AttributeTable& table) {
  std::vector<std::string> values;
  std::vector<std::pair<size_t, int32_t>> pairs;  // row, value
  for (const AttributePart& part : parts) {
    const CategoryColumn& from = part.table->Find(name)->categories;
    for (int32_t i = 0; i < from.size(); ++i) {
      Bitmap rows(part.row_of.size());
      from.AddRows(i, rows);
      const auto value = static_cast<int32_t>(values.size());
      rows.ForEach([&](int32_t row) {
        const int32_t to = part.row_of[static_cast<size_t>(row)];
        if (to >= 0) pairs.emplace_back(static_cast<size_t>(to), value);
      });
      if (!pairs.empty() && pairs.back().second == value) values.emplace_back(from.Value(i));
    }
  }
  std::vector<int64_t> offsets(static_cast<size_t>(table.size()) + 1, 0);
  for (const auto& pair : pairs) ++offsets[pair.first + 1];
  for (size_t row = 1; row < offsets.size(); ++row) offsets[row] += offsets[row - 1];
  std::vector<int64_t> next = offsets;
  std::vector<int32_t> codes(pairs.size());
  for (const auto& pair : pairs) codes[static_cast<size_t>(next[pair.first]++)] = pair.second;
  return table.AddCategories(name, values, offsets, codes);
}

}  // namespace

Status AddMissingColumns(std::span<const AttributeField> fields, AttributeTable& table) {
  for (const AttributeField& field : fields) {
    if (const AttributeColumn* const there = table.Find(field.name); there != nullptr) {
      if (there->kind != field.kind) return OfAnotherKind(*there, field.kind);
      continue;
    }
    AttributeColumn column;
    column.name = field.name;
    column.kind = field.kind;
    TANDEM_RETURN_IF_ERROR(GatherColumn(column, {}, table));
  }
  return {};
}

Status CheckColumns(const AttributeTable& schema, const AttributeTable& given) {
  for (const AttributeColumn& column : given.columns()) {
    const AttributeColumn* const expected = schema.Find(column.name);
    if (expected != nullptr && expected->kind == column.kind) continue;
    if (expected != nullptr) return OfAnotherKind(column, expected->kind);
    std::string known;
    for (const AttributeColumn& has : schema.columns()) {
      known += StrCat(known.empty() ? "" : ", ", has.name);
    }
    return InvalidArgumentError("the index has no attribute \"", column.name,
                                "\"; known: ", known.empty() ? "none" : known);
  }
  return {};
}

Result<std::shared_ptr<const AttributeTable>> CompleteAttributes(const AttributeTable& schema,
                                                                 const AttributeTable* given,
                                                                 int64_t rows) {
  auto table = std::make_shared<AttributeTable>(given != nullptr ? *given : AttributeTable(rows));
  if (table->size() != rows) {
    return InvalidArgumentError("got attributes of ", table->size(), " items for ", rows);
  }
  TANDEM_RETURN_IF_ERROR(CheckColumns(schema, *table));
  TANDEM_RETURN_IF_ERROR(AddMissingColumns(FieldsOf(schema), *table));
  if (schema.columns().empty()) table.reset();
  return std::shared_ptr<const AttributeTable>(std::move(table));
}

Status GatherColumn(const AttributeColumn& like, std::span<const AttributePart> parts,
                    AttributeTable& table) {
  return like.kind == AttributeKind::kNumber ? GatherNumbers(like.name, parts, table)
                                             : GatherCategories(like.name, parts, table);
}

Result<AttributeTable> GatherAttributes(const AttributeTable& schema,
                                        std::span<const AttributePart> parts, int64_t n) {
  AttributeTable table(n);
  for (const AttributeColumn& column : schema.columns()) {
    TANDEM_RETURN_IF_ERROR(GatherColumn(column, parts, table));
  }
  return table;
}

Result<bool> RowFilter::Passes(const AttributeRow& row) {
  if (row.table == nullptr) return false;
  auto found = passing_.find(row.table.get());
  if (found == passing_.end()) {
    TANDEM_ASSIGN_OR_RETURN(Bitmap passing, filter_.Evaluate(*row.table));
    found = passing_.emplace(row.table.get(), std::move(passing)).first;
  }
  return found->second.Contains(row.row);
}

}  // namespace tandem::index
