// Bytes as JSON; what parses must be written and parse again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tandem/format/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = tandem::format::ParseJson(std::string(data, data + size));
  if (!json.ok()) return 0;
  const auto text = tandem::format::SerializeJson(*json);
  if (!text.ok() || !tandem::format::ParseJson(*text).ok()) __builtin_trap();
  return 0;
}
