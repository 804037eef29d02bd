// Bytes as a table, under options taken from the first byte.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/format/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  tandem::format::CsvOptions options;
  options.quotes = (data[0] & 1) != 0;
  options.encoding =
      (data[0] & 2) != 0 ? tandem::format::Encoding::kLatin1 : tandem::format::Encoding::kUtf8;
  if ((data[0] & 4) != 0) options.multi_delimiter = "::";
  if ((data[0] & 8) != 0) options.max_field_bytes = 4;
  const std::string bytes(data + 1, data + size);
  tandem::format::CsvReader reader(bytes, options);
  std::vector<std::string> fields;
  for (size_t i = 0;; ++i) {
    if (i > bytes.size()) __builtin_trap();  // every row and error takes at least a byte
    const auto got = reader.Next(fields);
    if (got.ok() && !*got) return 0;
  }
}
