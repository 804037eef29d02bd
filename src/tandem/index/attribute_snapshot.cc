#include "tandem/index/attribute_snapshot.h"

#include <string>
#include <string_view>
#include <vector>

namespace tandem::index {
namespace {

constexpr char kKinds[] = "attributes.kinds";
constexpr char kNames[] = "attributes.names";
constexpr char kNameStarts[] = "attributes.name_starts";

std::string SectionOf(size_t column, std::string_view array) {
  return StrCat("attribute.", column, ".", array);
}

Status WriteCategories(size_t column, const CategoryArrays& arrays, SnapshotWriter& writer) {
  TANDEM_RETURN_IF_ERROR(writer.Add(SectionOf(column, "text"), arrays.text));
  TANDEM_RETURN_IF_ERROR(writer.Add(SectionOf(column, "text_starts"), arrays.text_starts));
  TANDEM_RETURN_IF_ERROR(writer.Add(SectionOf(column, "starts"), arrays.starts));
  return writer.Add(SectionOf(column, "postings"), arrays.postings);
}

Status OpenColumn(const std::shared_ptr<const SnapshotFile>& file, size_t i, std::string_view name,
                  uint8_t kind, AttributeTable& table) {
  if (kind == static_cast<uint8_t>(AttributeKind::kNumber)) {
    TANDEM_ASSIGN_OR_RETURN(const auto numbers, file->Section<double>(SectionOf(i, "numbers")));
    return table.AddNumbersView(name, numbers, file);
  }
  if (kind != static_cast<uint8_t>(AttributeKind::kCategory)) {
    return DataLossError("column ", i, " is of kind ", static_cast<int>(kind),
                         ", expected 1 (category) or 2 (number)");
  }
  CategoryArrays arrays;
  TANDEM_ASSIGN_OR_RETURN(arrays.text, file->Section<char>(SectionOf(i, "text")));
  TANDEM_ASSIGN_OR_RETURN(arrays.text_starts, file->Section<uint32_t>(SectionOf(i, "text_starts")));
  TANDEM_ASSIGN_OR_RETURN(arrays.starts, file->Section<uint64_t>(SectionOf(i, "starts")));
  TANDEM_ASSIGN_OR_RETURN(arrays.postings, file->Section<uint32_t>(SectionOf(i, "postings")));
  return table.AddCategoriesView(name, arrays, file);
}

}  // namespace

Status WriteAttributes(const AttributeTable& table, SnapshotWriter& writer) {
  if (table.columns().empty()) return {};
  std::vector<uint8_t> kinds;
  std::vector<uint32_t> name_starts = {0};
  std::string names;
  for (const AttributeColumn& column : table.columns()) {
    kinds.push_back(static_cast<uint8_t>(column.kind));
    names += column.name;
    name_starts.push_back(static_cast<uint32_t>(names.size()));
  }
  TANDEM_RETURN_IF_ERROR(writer.Add<uint8_t>(kKinds, kinds));
  TANDEM_RETURN_IF_ERROR(writer.Add<uint32_t>(kNameStarts, name_starts));
  TANDEM_RETURN_IF_ERROR(writer.Add<char>(kNames, names));
  for (size_t i = 0; i < kinds.size(); ++i) {
    const AttributeColumn& column = table.columns()[i];
    TANDEM_RETURN_IF_ERROR(column.kind == AttributeKind::kNumber
                               ? writer.Add(SectionOf(i, "numbers"), column.numbers)
                               : WriteCategories(i, column.categories.arrays(), writer));
  }
  return {};
}

Result<AttributeTable> OpenAttributes(const std::shared_ptr<const SnapshotFile>& file, int64_t n) {
  AttributeTable table(n);
  if (!file->Has(kKinds)) return table;
  TANDEM_ASSIGN_OR_RETURN(const auto kinds, file->Section<uint8_t>(kKinds));
  TANDEM_ASSIGN_OR_RETURN(const auto starts,
                          file->Section<uint32_t>(kNameStarts, kinds.size() + 1));
  TANDEM_ASSIGN_OR_RETURN(const auto names, file->Section<char>(kNames));
  const std::string_view text(names.data(), names.size());
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (starts[i] > starts[i + 1] || starts[i + 1] > text.size()) {
      return file->Damaged(kNameStarts, "name ", i, " goes from byte ", starts[i], " to ",
                           starts[i + 1], " of ", text.size());
    }
    const std::string_view name = text.substr(starts[i], starts[i + 1] - starts[i]);
    const Status status = OpenColumn(file, i, name, kinds[i], table);
    if (!status.ok()) return file->Damaged(kKinds, "column ", i, ": ", status.message());
  }
  return table;
}

}  // namespace tandem::index
