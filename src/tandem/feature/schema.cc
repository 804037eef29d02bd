#include "tandem/feature/schema.h"

#include <algorithm>

namespace tandem::feature {
namespace {

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += StrCat(joined.empty() ? "" : ", ", name);
  return joined;
}

}  // namespace

std::string Describe(const Column& column) {
  return column.name.empty() ? std::to_string(column.number) : column.name;
}

Result<size_t> Locate(const Column& column, const std::vector<std::string>& header, size_t fields) {
  if (!column.name.empty()) {
    if (header.empty()) {
      return InvalidArgumentError("column '", column.name,
                                  "' is given by name, but the file has no header line");
    }
    const auto found = std::find(header.begin(), header.end(), column.name);
    if (found == header.end()) {
      return InvalidArgumentError("there is no column '", column.name, "'; the columns are ",
                                  Join(header));
    }
    if (std::find(found + 1, header.end(), column.name) != header.end()) {
      return InvalidArgumentError("column '", column.name, "' is there twice; the columns are ",
                                  Join(header));
    }
    return static_cast<size_t>(found - header.begin());
  }
  if (column.number < 1 || static_cast<size_t>(column.number) > fields) {
    const std::string names = header.empty() ? "" : ": " + Join(header);
    return InvalidArgumentError("there is no column ", column.number, "; the columns are 1 to ",
                                fields, names);
  }
  return static_cast<size_t>(column.number) - 1;
}

}  // namespace tandem::feature
