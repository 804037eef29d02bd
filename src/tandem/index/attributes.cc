#include "tandem/index/attributes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "tandem/format/utf8.h"

namespace tandem::index {
namespace {

size_t WordsOf(int64_t n) { return (static_cast<size_t>(n) + 63) / 64; }

std::string_view ValueAt(const CategoryArrays& arrays, size_t i) {
  const size_t begin = arrays.text_starts[i];
  return {arrays.text.data() + begin, arrays.text_starts[i + 1] - begin};
}

Status CheckText(const CategoryArrays& arrays) {
  const auto starts = arrays.text_starts;
  if (starts.empty() || starts.front() != 0 || starts.back() != arrays.text.size()) {
    return DataLossError("the places of the values do not span their ", arrays.text.size(),
                         " bytes");
  }
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (starts[i] >= starts[i + 1] || starts[i + 1] - starts[i] > kMaxAttributeValueBytes ||
        starts[i + 1] > arrays.text.size()) {
      return DataLossError("value ", i, " goes from byte ", starts[i], " to ", starts[i + 1],
                           ", expected 1 to ", kMaxAttributeValueBytes, " bytes of ",
                           arrays.text.size());
    }
    if (i > 0 && ValueAt(arrays, i - 1) >= ValueAt(arrays, i)) {
      return DataLossError("value ", i, " is not behind value ", i - 1, " in the order of bytes");
    }
  }
  return {};
}

// A bit for each of n rows in numbers of 32, of which the last may hang over.
Status CheckBits(std::span<const uint32_t> bits, int64_t n) {
  const auto whole = static_cast<size_t>(n) / 32;
  for (size_t i = whole; i < bits.size(); ++i) {
    const uint32_t allowed = i == whole ? (uint32_t{1} << (static_cast<size_t>(n) % 32)) - 1 : 0;
    if ((bits[i] & ~allowed) != 0) return DataLossError("bits behind the last of ", n, " rows");
  }
  return {};
}

Status CheckList(std::span<const uint32_t> rows, int64_t n) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<int64_t>(rows[i]) >= n || (i > 0 && rows[i - 1] >= rows[i])) {
      return DataLossError("row ", rows[i], " at place ", i, " of its list, expected less than ", n,
                           " and ascending");
    }
  }
  return {};
}

Status CheckPostings(const CategoryArrays& arrays, int64_t n) {
  const auto starts = arrays.starts;
  if (starts.size() != arrays.text_starts.size() + 1) {
    return DataLossError(starts.size(), " places of rows for ", arrays.text_starts.size() - 1,
                         " values, expected 2 more than values");
  }
  if (starts.front() != 0 || starts.back() != arrays.postings.size()) {
    return DataLossError("the places of the rows do not span their ", arrays.postings.size(),
                         " numbers");
  }
  const size_t bits = 2 * WordsOf(n);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (starts[i] > starts[i + 1] || starts[i + 1] > arrays.postings.size() ||
        starts[i + 1] - starts[i] > bits) {
      return DataLossError("the rows of value ", i, " go from ", starts[i], " to ", starts[i + 1],
                           ", expected at most ", bits, " of ", arrays.postings.size());
    }
    const auto extent = arrays.postings.subspan(starts[i], starts[i + 1] - starts[i]);
    const Status status = extent.size() == bits ? CheckBits(extent, n) : CheckList(extent, n);
    if (!status.ok()) return status.WithContext(StrCat("value ", i));
  }
  return {};
}

struct OwnedCategories {
  std::vector<char> text;
  std::vector<uint32_t> text_starts = {0};
  std::vector<uint64_t> starts = {0};
  std::vector<uint32_t> postings;

  CategoryArrays Arrays() const {
    return {.text = text, .text_starts = text_starts, .starts = starts, .postings = postings};
  }
};

Status CheckCodes(int64_t n, std::span<const std::string> values, std::span<const int64_t> offsets,
                  std::span<const int32_t> codes) {
  if (offsets.size() != static_cast<size_t>(n) + 1 || offsets.front() != 0 ||
      offsets.back() != static_cast<int64_t>(codes.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return InvalidArgumentError("expected ", n + 1, " ascending offsets from 0 to ", codes.size(),
                                " for ", n, " rows, got ", offsets.size(), " offsets");
  }
  for (const int32_t code : codes) {
    if (code < 0 || static_cast<size_t>(code) >= values.size()) {
      return InvalidArgumentError("code ", code, ", expected 0 to ", values.size(), " exclusive");
    }
  }
  for (const std::string& value : values) {
    if (value.empty() || value.size() > kMaxAttributeValueBytes) {
      return InvalidArgumentError("a value of ", value.size(), " bytes, expected 1 to ",
                                  kMaxAttributeValueBytes);
    }
  }
  return {};
}

// Writes the values in the order of their bytes, each once; gives the new code of each.
Result<std::vector<uint32_t>> SortValues(std::span<const std::string> values,
                                         OwnedCategories& out) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return values[a] < values[b]; });
  std::vector<uint32_t> code_of(values.size());
  const std::string* last = nullptr;
  for (const uint32_t old : order) {
    if (last == nullptr || *last != values[old]) {
      last = &values[old];
      out.text.insert(out.text.end(), last->begin(), last->end());
      if (out.text.size() > std::numeric_limits<uint32_t>::max()) {
        return ResourceExhaustedError("the values have more than 4 GiB of text");
      }
      out.text_starts.push_back(static_cast<uint32_t>(out.text.size()));
    }
    code_of[old] = static_cast<uint32_t>(out.text_starts.size() - 2);
  }
  return code_of;
}

// Calls use(value, row) once for each value of each row, rows ascending; value v stands for none.
template <typename Use>
void ForEachPair(std::span<const int64_t> offsets, std::span<const int32_t> codes,
                 std::span<const uint32_t> code_of, size_t v, Use&& use) {
  std::vector<int64_t> last_row(v, -1);
  for (size_t row = 0; row + 1 < offsets.size(); ++row) {
    if (offsets[row] == offsets[row + 1]) use(v, row);
    for (auto i = static_cast<size_t>(offsets[row]); i < static_cast<size_t>(offsets[row + 1]);
         ++i) {
      const size_t value = code_of[static_cast<size_t>(codes[i])];
      if (last_row[value] == static_cast<int64_t>(row)) continue;
      last_row[value] = static_cast<int64_t>(row);
      use(value, row);
    }
  }
}

void FillPostings(int64_t n, std::span<const int64_t> offsets, std::span<const int32_t> codes,
                  std::span<const uint32_t> code_of, OwnedCategories& out) {
  const size_t v = out.text_starts.size() - 1;
  const size_t bits = 2 * WordsOf(n);
  std::vector<uint64_t> counts(v + 1, 0);
  ForEachPair(offsets, codes, code_of, v, [&](size_t value, size_t) { ++counts[value]; });
  for (const uint64_t count : counts) {
    out.starts.push_back(out.starts.back() + std::min<uint64_t>(count, bits));
  }
  out.postings.assign(out.starts.back(), 0);
  std::vector<uint64_t> next(out.starts.begin(), out.starts.end() - 1);
  ForEachPair(offsets, codes, code_of, v, [&](size_t value, size_t row) {
    if (counts[value] >= bits) {
      out.postings[out.starts[value] + row / 32] |= uint32_t{1} << (row % 32);
    } else {
      out.postings[next[value]++] = static_cast<uint32_t>(row);
    }
  });
}

}  // namespace

std::string_view AttributeKindName(AttributeKind kind) {
  return kind == AttributeKind::kCategory ? "category" : "number";
}

Result<CategoryColumn> CategoryColumn::Create(int64_t n, const CategoryArrays& arrays) {
  TANDEM_RETURN_IF_ERROR(CheckText(arrays));
  TANDEM_RETURN_IF_ERROR(CheckPostings(arrays, n));
  CategoryColumn column;
  column.words_ = WordsOf(n);
  column.arrays_ = arrays;
  return column;
}

std::string_view CategoryColumn::Value(int32_t i) const {
  return ValueAt(arrays_, static_cast<size_t>(i));
}

int32_t CategoryColumn::Find(std::string_view value) const {
  int32_t low = 0;
  int32_t high = size();
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (Value(middle) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size() && Value(low) == value ? low : -1;
}

std::span<const uint32_t> CategoryColumn::Extent(int32_t i) const {
  const auto at = static_cast<size_t>(i);
  return arrays_.postings.subspan(arrays_.starts[at], arrays_.starts[at + 1] - arrays_.starts[at]);
}

int64_t CategoryColumn::Count(int32_t i) const {
  const auto extent = Extent(i);
  if (!IsBits(extent)) return static_cast<int64_t>(extent.size());
  int64_t count = 0;
  for (const uint32_t bits : extent) count += std::popcount(bits);
  return count;
}

bool CategoryColumn::Has(int32_t i, int32_t row) const {
  const auto extent = Extent(i);
  const auto at = static_cast<uint32_t>(row);
  if (IsBits(extent)) return (extent[at / 32] >> (at % 32) & 1) != 0;
  return std::binary_search(extent.begin(), extent.end(), at);
}

void CategoryColumn::AddRows(int32_t i, Bitmap& rows) const {
  const auto extent = Extent(i);
  if (!IsBits(extent)) {
    for (const uint32_t row : extent) rows.Set(static_cast<int32_t>(row));
    return;
  }
  for (size_t w = 0; w < words_; ++w) {
    const uint64_t word = extent[2 * w] | uint64_t{extent[2 * w + 1]} << 32;
    rows.SetWord(w, rows.words()[w] | word);
  }
}

Status AttributeTable::CheckNew(std::string_view name) const {
  if (name.empty() || name.size() > kMaxAttributeNameBytes || !format::IsUtf8(name)) {
    return InvalidArgumentError("an attribute's name has ", name.size(), " bytes, expected 1 to ",
                                kMaxAttributeNameBytes, " bytes of UTF-8");
  }
  if (Find(name) != nullptr) return InvalidArgumentError("attribute \"", name, "\" is there twice");
  if (columns_.size() == kMaxAttributes) {
    return ResourceExhaustedError("attribute \"", name, "\" would be one more than the ",
                                  kMaxAttributes, " that a table can hold");
  }
  return {};
}

Status AttributeTable::AddNumbersView(std::string_view name, std::span<const double> values,
                                      std::shared_ptr<const void> owner) {
  TANDEM_RETURN_IF_ERROR(CheckNew(name));
  if (values.size() != static_cast<size_t>(n_)) {
    return DataLossError("attribute \"", name, "\" has ", values.size(), " numbers for ", n_,
                         " rows");
  }
  columns_.push_back({.name = std::string(name),
                      .kind = AttributeKind::kNumber,
                      .numbers = values,
                      .categories = {}});
  owners_.push_back(std::move(owner));
  return {};
}

Status AttributeTable::AddCategoriesView(std::string_view name, const CategoryArrays& arrays,
                                         std::shared_ptr<const void> owner) {
  TANDEM_RETURN_IF_ERROR(CheckNew(name));
  Result<CategoryColumn> column = CategoryColumn::Create(n_, arrays);
  if (!column.ok()) return column.status().WithContext(StrCat("attribute \"", name, "\""));
  columns_.push_back({.name = std::string(name),
                      .kind = AttributeKind::kCategory,
                      .numbers = {},
                      .categories = *column});
  owners_.push_back(std::move(owner));
  return {};
}

Status AttributeTable::AddNumbers(std::string_view name, std::vector<double> values) {
  if (values.size() != static_cast<size_t>(n_)) {
    return InvalidArgumentError("attribute \"", name, "\" is given ", values.size(),
                                " numbers for ", n_, " rows");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isinf(values[i])) {
      return InvalidArgumentError("attribute \"", name, "\": row ", i, " is infinite");
    }
  }
  const auto owned = std::make_shared<const std::vector<double>>(std::move(values));
  return AddNumbersView(name, *owned, owned);
}

Status AttributeTable::AddCategories(std::string_view name, std::span<const std::string> values,
                                     std::span<const int64_t> offsets,
                                     std::span<const int32_t> codes) {
  const auto context = [&](const Status& status) {
    return status.WithContext(StrCat("attribute \"", name, "\""));
  };
  const Status status = CheckCodes(n_, values, offsets, codes);
  if (!status.ok()) return context(status);
  const auto owned = std::make_shared<OwnedCategories>();
  const auto code_of = SortValues(values, *owned);
  if (!code_of.ok()) return context(code_of.status());
  FillPostings(n_, offsets, codes, *code_of, *owned);
  return AddCategoriesView(name, owned->Arrays(), owned);
}

Result<AttributeTable> AttributeTable::Row(int32_t row) const {
  if (row < 0 || row >= n_) {
    return InvalidArgumentError("row ", row, " of a table of ", n_, " rows");
  }
  AttributeTable one(1);
  for (const AttributeColumn& column : columns_) {
    if (column.kind == AttributeKind::kNumber) {
      const auto value = std::make_shared<const double>(column.numbers[static_cast<size_t>(row)]);
      TANDEM_RETURN_IF_ERROR(one.AddNumbersView(column.name, std::span(value.get(), 1), value));
      continue;
    }
    std::vector<std::string> values;
    std::vector<int32_t> codes;
    for (int32_t i = 0; i < column.categories.size(); ++i) {
      if (!column.categories.Has(i, row)) continue;
      codes.push_back(static_cast<int32_t>(values.size()));
      values.emplace_back(column.categories.Value(i));
    }
    const int64_t offsets[] = {0, static_cast<int64_t>(codes.size())};
    TANDEM_RETURN_IF_ERROR(one.AddCategories(column.name, values, offsets, codes));
  }
  return one;
}

const AttributeColumn* AttributeTable::Find(std::string_view name) const {
  for (const AttributeColumn& column : columns_) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

}  // namespace tandem::index
