// The attributes of a LiveIndex: every item has the same columns, whenever it was added. Its base
// has a table of them; an item of the log has a row of the table that it was added with.
//
// Pure functions; errors are kInvalidArgument and name the attribute.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/bitmap.h"
#include "tandem/index/filter.h"

namespace tandem::index {

struct AttributeField {
  std::string name;
  AttributeKind kind = AttributeKind::kCategory;
};

// A row of a table; null where an index has no attributes.
struct AttributeRow {
  std::shared_ptr<const AttributeTable> table;
  int32_t row = 0;
};

// Adds columns without values for the fields that the table lacks. An error where one is there with
// the other kind.
Status AddMissingColumns(std::span<const AttributeField> fields, AttributeTable& table);

// That `given` has no column that `schema` has not, or has of the other kind.
Status CheckColumns(const AttributeTable& schema, const AttributeTable& given);

// The table that `rows` items are added with: all columns of `schema`, from `given` or, where that
// is null or lacks them, without values. Null where the schema has no columns. Errors: a column
// that the schema has not or has with the other kind, another number of rows.
Result<std::shared_ptr<const AttributeTable>> CompleteAttributes(const AttributeTable& schema,
                                                                 const AttributeTable* given,
                                                                 int64_t rows);

// Rows of a table for another one.
struct AttributePart {
  const AttributeTable* table = nullptr;
  std::vector<int32_t> row_of;  // [table size], the row there; -1: none
};
// Adds a column like this one to `table`, filled from the parts, which have it too.
Status GatherColumn(const AttributeColumn& like, std::span<const AttributePart> parts,
                    AttributeTable& table);
// A table of n rows with the columns of `schema`, filled from the parts, which have them too.
Result<AttributeTable> GatherAttributes(const AttributeTable& schema,
                                        std::span<const AttributePart> parts, int64_t n);

// A filter, asked item by item. For one thread.
class RowFilter {
 public:
  explicit RowFilter(const Filter& filter) : filter_(filter) {}
  Result<bool> Passes(const AttributeRow& row);

 private:
  const Filter& filter_;
  std::unordered_map<const AttributeTable*, Bitmap> passing_;  // of the tables that were asked for
};

}  // namespace tandem::index
