// Bytes as a safetensors file, read through every typed helper.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tandem/format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file(data, data + size);
  const auto reader = tandem::format::SafetensorsReader::Parse(file);
  if (!reader.ok()) return 0;
  for (const auto& entry : reader->tensors()) {
    (void)tandem::format::AsFloats(entry.second);
    (void)tandem::format::AsInt64s(entry.second);
    const std::string& name = entry.first;
    if (name.size() > 6)
      (void)tandem::format::ReadStrings(*reader, name.substr(0, name.size() - 6));
  }
  return 0;
}
