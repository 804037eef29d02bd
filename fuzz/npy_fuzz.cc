// Bytes as an .npy file; what is read must be written and read again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tandem/format/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file(data, data + size);
  const auto floats = tandem::format::ReadNpyFloats(file);
  if (floats.ok() && !tandem::format::WriteNpy(floats->shape, floats->values).ok()) {
    __builtin_trap();
  }
  const auto integers = tandem::format::ReadNpyInt64s(file);
  if (integers.ok() && !tandem::format::WriteNpy(integers->shape, integers->values).ok()) {
    __builtin_trap();
  }
  return 0;
}
