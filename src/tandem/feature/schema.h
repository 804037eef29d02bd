// Which column of a table plays which role, and how the table's file is laid out.
//
// Plain values: fill them in, then hand them to training/data/reader.h. A column is named by its
// header or by its number, 1 for the first; an unset column means that the table has none.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/format/csv.h"

namespace tandem::feature {

struct Column {
  std::string name;  // in the header line; wins over the number
  int number = 0;    // 1 is the first column

  bool is_set() const { return !name.empty() || number != 0; }
};

inline Column ColumnNamed(std::string name) { return {std::move(name), 0}; }
inline Column ColumnNumber(int number) { return {{}, number}; }

// The place of the column among a line's fields, from 0. `header` is empty where the file has no
// header line; `fields` is the number of fields in its first line. kInvalidArgument names the
// column that is missing and the columns there are.
Result<size_t> Locate(const Column& column, const std::vector<std::string>& header, size_t fields);

// "rating", or "3" for a column known by its number.
std::string Describe(const Column& column);

struct FileLayout {
  format::CsvOptions csv;
  bool has_header = true;
};

// One line is one interaction.
struct InteractionSchema {
  FileLayout layout;
  Column user;    // required
  Column item;    // required
  Column rating;  // unset: every rating is 1
  Column time;    // seconds since 1970; unset: every time is 0
};

// Categories as one 0/1 column each, names[i] in column first_number + i.
struct FlagColumns {
  int first_number = 0;
  std::vector<std::string> names;
};

// One line is one item.
struct ItemSchema {
  FileLayout layout;
  Column id;          // required
  Column title;       // unset or empty: the title is the id
  Column categories;  // a list; unset: none, or flags
  std::string category_separator = "|";
  std::string no_category;  // a list of this one word means none
  FlagColumns category_flags;
};

}  // namespace tandem::feature
