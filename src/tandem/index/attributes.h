// What is known of the items beside their vectors: named columns over rows 0..n-1, for filters.
//
// A column is of categories (an item has none, one or several: the genres of a film) or of
// numbers (a double, NaN where it is missing). Its arrays are views: of memory that the table
// owns, or of a mapped snapshot that it keeps alive; a copy of a table shares them. A column of
// categories keeps for each value the rows that have it, as a list or, where that is no longer, as
// one bit a row: a filter costs what it finds, or n / 64 words.
//
// Reading is safe from many threads, adding columns is not.
// Errors: kInvalidArgument for what a caller gives, kDataLoss for arrays of a file, both with the
// column; kResourceExhausted beyond the bounds below.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/bitmap.h"

namespace tandem::index {

inline constexpr size_t kMaxAttributes = 128;  // columns of a table; 4 sections each in a file
inline constexpr size_t kMaxAttributeNameBytes = 256;     // 1 or more
inline constexpr size_t kMaxAttributeValueBytes = 1024;   // of a category, 1 or more
inline constexpr int64_t kMaxAttributeRows = 2147483647;  // rows are int32

enum class AttributeKind : uint8_t { kCategory = 1, kNumber = 2 };  // stored: never renumber

// "category" or "number".
std::string_view AttributeKindName(AttributeKind kind);

// The arrays of a column of categories with v values over n rows, w = ceil(n / 64).
struct CategoryArrays {
  // Value i, 1 byte or more, is text[text_starts[i] .. text_starts[i + 1]); ascending by bytes.
  std::span<const char> text;
  std::span<const uint32_t> text_starts;  // [v + 1]
  // The rows of value i are in postings[starts[i] .. starts[i + 1]), those without a value in
  // extent v. An extent of 2 w numbers is a bit for each row, row r at bit r % 32 of number r / 32;
  // a shorter one is a list of rows, ascending.
  std::span<const uint64_t> starts;  // [v + 2]
  std::span<const uint32_t> postings;
};

// A view; see CategoryArrays.
class CategoryColumn {
 public:
  CategoryColumn() = default;  // no values, no rows
  // kDataLoss: arrays that are not as CategoryArrays says, in sizes, order or rows. One pass over
  // them.
  static Result<CategoryColumn> Create(int64_t n, const CategoryArrays& arrays);

  // How many different values there are.
  int32_t size() const { return static_cast<int32_t>(arrays_.text_starts.size()) - 1; }
  std::string_view Value(int32_t i) const;
  // -1 where no item has it.
  int32_t Find(std::string_view value) const;
  // How many rows have value i; i = size(): how many have none.
  int64_t Count(int32_t i) const;
  // Adds the rows that have value i; i = size(): those that have none. rows is of size n.
  void AddRows(int32_t i, Bitmap& rows) const;
  // Whether row 0..n-1 has value i.
  bool Has(int32_t i, int32_t row) const;
  const CategoryArrays& arrays() const { return arrays_; }

 private:
  std::span<const uint32_t> Extent(int32_t i) const;
  bool IsBits(std::span<const uint32_t> extent) const { return extent.size() == 2 * words_; }

  size_t words_ = 0;
  CategoryArrays arrays_ = {.text = {}, .text_starts = kNoText, .starts = {}, .postings = {}};

  static constexpr uint32_t kNoText[1] = {0};
};

struct AttributeColumn {
  std::string name;
  AttributeKind kind = AttributeKind::kNumber;
  std::span<const double> numbers;  // [n] where the kind is kNumber
  CategoryColumn categories;        // where the kind is kCategory
};

class AttributeTable {
 public:
  // n rows, 0 to kMaxAttributeRows, and no columns.
  explicit AttributeTable(int64_t n) : n_(n) {}

  // values [n], each finite or NaN.
  Status AddNumbers(std::string_view name, std::vector<double> values);
  // The item of row r has values[codes[i]] for i in offsets[r] .. offsets[r + 1]; offsets [n + 1],
  // from 0. Values in any order; the same twice, in the list or on an item, counts once.
  Status AddCategories(std::string_view name, std::span<const std::string> values,
                       std::span<const int64_t> offsets, std::span<const int32_t> codes);
  // Columns over memory that owner keeps. kDataLoss where the arrays do not fit the table.
  Status AddNumbersView(std::string_view name, std::span<const double> values,
                        std::shared_ptr<const void> owner);
  Status AddCategoriesView(std::string_view name, const CategoryArrays& arrays,
                           std::shared_ptr<const void> owner);

  int64_t size() const { return n_; }
  // In the order in which they were added.
  std::span<const AttributeColumn> columns() const { return columns_; }
  // What is known of row 0..n-1: a table of one row, with the same columns and memory of its own.
  // Every value of a column of categories is looked at.
  Result<AttributeTable> Row(int32_t row) const;
  // Null where there is no column of this name.
  const AttributeColumn* Find(std::string_view name) const;

 private:
  Status CheckNew(std::string_view name) const;

  int64_t n_;
  std::vector<AttributeColumn> columns_;
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace tandem::index
