#include "tandem/index/filter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "tandem/index/quoted.h"

namespace tandem::index {
namespace {

template <typename... Parts>
Status ErrorAt(size_t position, const Parts&... parts) {
  return InvalidArgumentError("filter, at byte ", position + 1, ": ", parts...);
}

bool IsTest(const FilterNode& node) {
  return node.op != FilterOp::kAnd && node.op != FilterOp::kOr && node.op != FilterOp::kNot;
}

bool IsOrder(FilterOp op) {
  return op == FilterOp::kLess || op == FilterOp::kLessEqual || op == FilterOp::kGreater ||
         op == FilterOp::kGreaterEqual;
}

std::optional<double> AsNumber(const FilterValue& value) {
  const char* end = value.text.data() + value.text.size();
  double number = 0;
  const auto parsed = std::from_chars(value.text.data(), end, number);
  if (value.quoted || parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

Status UnknownAttribute(const FilterNode& node, const AttributeTable& table) {
  std::string known;
  for (size_t i = 0; i < table.columns().size() && i < kMaxFilterNames; ++i) {
    const AttributeColumn& column = table.columns()[i];
    known +=
        StrCat(i == 0 ? "" : ", ", Quoted(column.name), " (", AttributeKindName(column.kind), ")");
  }
  if (known.empty()) known = "none";
  if (table.columns().size() > kMaxFilterNames) {
    known += StrCat(" and ", table.columns().size() - kMaxFilterNames, " more");
  }
  return ErrorAt(node.position, "there is no attribute ", Quoted(node.name), "; known: ", known);
}

// That every test is of an attribute that the table has, with values of its kind.
Status Check(const FilterNode& node, const AttributeTable& table) {
  for (const FilterNode& child : node.children) TANDEM_RETURN_IF_ERROR(Check(child, table));
  if (!IsTest(node)) return {};
  const AttributeColumn* column = table.Find(node.name);
  if (column == nullptr) return UnknownAttribute(node, table);
  if (column->kind == AttributeKind::kCategory) {
    if (!IsOrder(node.op)) return {};
    return ErrorAt(node.position, Quoted(node.name),
                   " is of the kind category, <, <=, > and >= compare those of the kind number; "
                   "use =, != or IN");
  }
  for (const FilterValue& value : node.values) {
    if (AsNumber(value).has_value()) continue;
    return ErrorAt(value.position, Quoted(node.name), " is of the kind number, got ",
                   value.quoted ? "the category " : "the word ", Quoted(value.text),
                   "; numbers stand without quotes");
  }
  return {};
}

// passes(number) for each row, a word of 64 at a time.
template <typename Passes>
Bitmap Scan(std::span<const double> numbers, const Passes& passes) {
  Bitmap rows(numbers.size());
  for (size_t begin = 0; begin < numbers.size(); begin += 64) {
    const auto part = numbers.subspan(begin, std::min<size_t>(64, numbers.size() - begin));
    uint64_t word = 0;
    for (size_t i = 0; i < part.size(); ++i) word |= uint64_t{passes(part[i])} << i;
    rows.SetWord(begin / 64, word);
  }
  return rows;
}

// NaN passes nothing but kMissing.
Bitmap TestNumbers(const FilterNode& node, std::span<const double> numbers) {
  if (node.op == FilterOp::kMissing) {
    return Scan(numbers, [](double x) { return std::isnan(x); });
  }
  if (node.op == FilterOp::kIn) {
    std::vector<double> wanted;
    for (const FilterValue& value : node.values) wanted.push_back(*AsNumber(value));
    std::sort(wanted.begin(), wanted.end());
    return Scan(numbers, [&](double x) {
      return x >= wanted.front() && x <= wanted.back() &&
             std::binary_search(wanted.begin(), wanted.end(), x);
    });
  }
  const double y = *AsNumber(node.values.front());
  switch (node.op) {
    case FilterOp::kLess:
      return Scan(numbers, [y](double x) { return x < y; });
    case FilterOp::kLessEqual:
      return Scan(numbers, [y](double x) { return x <= y; });
    case FilterOp::kGreater:
      return Scan(numbers, [y](double x) { return x > y; });
    case FilterOp::kGreaterEqual:
      return Scan(numbers, [y](double x) { return x >= y; });
    case FilterOp::kNotEqual:
      return Scan(numbers, [y](double x) { return !(x == y); });
    default:
      return Scan(numbers, [y](double x) { return x == y; });
  }
}

Bitmap TestCategories(const FilterNode& node, const CategoryColumn& column, int64_t n) {
  Bitmap rows(static_cast<size_t>(n));
  if (node.op == FilterOp::kMissing) {
    column.AddRows(column.size(), rows);
    return rows;
  }
  for (const FilterValue& value : node.values) {
    const int32_t i = column.Find(value.text);
    if (i >= 0) column.AddRows(i, rows);
  }
  if (node.op == FilterOp::kNotEqual) rows.Flip();
  return rows;
}

Bitmap RowsOf(const FilterNode& node, const AttributeTable& table) {
  if (IsTest(node)) {
    const AttributeColumn& column = *table.Find(node.name);
    return column.kind == AttributeKind::kNumber
               ? TestNumbers(node, column.numbers)
               : TestCategories(node, column.categories, table.size());
  }
  Bitmap rows = RowsOf(node.children.front(), table);
  if (node.op == FilterOp::kNot) rows.Flip();
  for (size_t i = 1; i < node.children.size(); ++i) {
    if (node.op == FilterOp::kAnd) {
      if (rows.Empty()) break;
      rows &= RowsOf(node.children[i], table);
    } else {
      rows |= RowsOf(node.children[i], table);
    }
  }
  return rows;
}

}  // namespace

Result<Bitmap> Filter::Evaluate(const AttributeTable& table) const {
  TANDEM_RETURN_IF_ERROR(Check(root_, table));
  return RowsOf(root_, table);
}

Result<Bitmap> EvaluateFilter(std::string_view text, const AttributeTable& table) {
  TANDEM_ASSIGN_OR_RETURN(const Filter filter, Filter::Parse(text));
  return filter.Evaluate(table);
}

}  // namespace tandem::index
