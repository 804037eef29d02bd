#include "tandem/base/checksum.h"

#include <xxhash.h>

namespace tandem {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string ChecksumHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  uint64_t value = Checksum(bytes);
  std::string hex(16, '0');
  for (size_t i = hex.size(); i-- > 0; value >>= 4) hex[i] = kDigits[value & 15];
  return hex;
}

}  // namespace tandem
