// Which items may be found, as text: `genre = Comedy AND (year >= 1990 OR NOT seen IS MISSING)`.
//
//   or      = and { OR and }                      and = not { AND not }
//   not     = NOT not | "(" or ")" | test
//   test    = name ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
//           | name [ NOT ] IN "(" value { "," value } ")" | name IS [ NOT ] MISSING
//   name, value = word | text in quotes
//
// A word is of letters, digits, bytes outside of ASCII and any of _ - + . : / ; the words AND, OR,
// NOT, IN, IS and MISSING (in any case) are none. Quotes are " or '; inside, a backslash stands
// before \ " and '. A quoted value is a category, never a number.
//
// On an attribute of categories `=` means "has", IN "has one of"; a value that no item has is no
// error. On one of numbers all six compare, as doubles; a word must be a number. An item that lacks
// the attribute passes none of these but `!=` and NOT IN, which are NOT of `=` and IN; IS MISSING
// finds it.
//
// A Filter is a value: copy it, share it among threads. Errors are kInvalidArgument and say at
// which byte, from 1, what was expected, and for a name what there is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/bitmap.h"

namespace tandem::index {

inline constexpr size_t kMaxFilterBytes = size_t{1} << 16;
inline constexpr int kMaxFilterDepth = 64;     // of NOT and parentheses in each other
inline constexpr int kMaxFilterTests = 256;    // each is a pass over a column
inline constexpr size_t kMaxFilterNames = 20;  // that an error lists

struct FilterValue {
  std::string text;
  bool quoted = false;
  size_t position = 0;  // in the text, from 0

  friend bool operator==(const FilterValue& a, const FilterValue& b) {
    return a.text == b.text && a.quoted == b.quoted;
  }
};

enum class FilterOp {
  kAnd,  // two children or more; so kOr
  kOr,
  kNot,  // one child
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,       // one value or more
  kMissing,  // no value
};

// Two are equal that mean the same in the same words, wherever these stood.
struct FilterNode {
  FilterOp op = FilterOp::kAnd;
  std::vector<FilterNode> children;  // of kAnd, kOr and kNot
  std::string name;                  // of the others
  std::vector<FilterValue> values;   // one where a test compares
  size_t position = 0;               // of the name in the text, from 0

  friend bool operator==(const FilterNode& a, const FilterNode& b) {
    return a.op == b.op && a.name == b.name && a.values == b.values && a.children == b.children;
  }
};

class Filter {
 public:
  static Result<Filter> Parse(std::string_view text);
  // A tree made by the caller, as Parse would make it: with children and values as FilterOp says.
  explicit Filter(FilterNode root) : root_(std::move(root)) {}

  // The rows that pass, a bitmap of table.size(). The error where the table has no such attribute
  // or one of the other kind.
  Result<Bitmap> Evaluate(const AttributeTable& table) const;

  // Text that Parse reads back as an equal filter.
  std::string ToString() const;
  const FilterNode& root() const { return root_; }

 private:
  FilterNode root_;
};

// Parse and Evaluate in one.
Result<Bitmap> EvaluateFilter(std::string_view text, const AttributeTable& table);

}  // namespace tandem::index
