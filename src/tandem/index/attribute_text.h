// A table of attributes from comma- or tab-separated text.
//
// The first line names the columns: "genre", or with its kind "genre:category", "year:number". A
// column without a kind is of numbers where every value in it is one and there is at least one,
// else of categories. An empty field is a missing value. A field of categories holds several with
// '|' between them. Where the first column is named "id", it says which row a line is of; else
// lines are rows 0, 1, 2 and so on.
//
// A pure function. Errors are kInvalidArgument or kDataLoss and name line and column.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"

namespace tandem::index {

struct AttributeTextOptions {
  // With a comma a field may stand in quotes, as in RFC 4180; with any other it may not.
  char delimiter = ',';
  char value_separator = '|';
  // Columns of these names have the kinds that they have there, where the text says none. Null:
  // none is known.
  const AttributeTable* like = nullptr;
  // The row of an item's id, below 0 where there is none. Null: ids are row numbers.
  std::function<int32_t(std::string_view id)> row_of;
  // Lines whose id is of no row: an error, or passed over.
  bool skip_unknown_ids = false;
};

// For n rows. Rows that no line is of have no values; without ids there must be n lines.
Result<AttributeTable> ReadAttributes(std::string_view text, int64_t n,
                                      const AttributeTextOptions& options = {});

}  // namespace tandem::index
