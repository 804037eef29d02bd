// XXH3 checksums, as 16 hexadecimal digits. They find damage, not forgery.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem {

uint64_t Checksum(std::string_view bytes);
std::string ChecksumHex(std::string_view bytes);

}  // namespace tandem
