// Text as a filter: what is read is printed, read back as an equal one, and evaluated.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tandem/index/filter.h"

namespace {

tandem::index::AttributeTable Table() {
  tandem::index::AttributeTable table(70);
  std::vector<double> numbers(70, std::nan(""));
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> codes;
  for (size_t row = 0; row < 70; ++row) {
    if (row % 3 != 0) numbers[row] = static_cast<double>(row);
    if (row % 2 != 0) codes.push_back(static_cast<int32_t>(row % 5));
    offsets.push_back(static_cast<int64_t>(codes.size()));
  }
  const std::vector<std::string> values = {"a", "b", "c", "d", "e"};
  if (!table.AddNumbers("n", std::move(numbers)).ok()) __builtin_trap();
  if (!table.AddCategories("c", values, offsets, codes).ok()) __builtin_trap();
  return table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tandem::index::AttributeTable table = Table();
  const std::string text(data, data + size);
  const auto filter = tandem::index::Filter::Parse(text);
  if (!filter.ok()) return 0;
  const auto again = tandem::index::Filter::Parse(filter->ToString());
  // Quotes and parentheses may make the text too long to be read, and nothing else may.
  if (!again.ok() && filter->ToString().size() <= tandem::index::kMaxFilterBytes) __builtin_trap();
  if (again.ok() && !(again->root() == filter->root())) __builtin_trap();
  const auto rows = filter->Evaluate(table);
  if (!rows.ok()) return 0;
  if (rows->Count() > 70 || (rows->words()[1] >> 6) != 0) __builtin_trap();
  return 0;
}
