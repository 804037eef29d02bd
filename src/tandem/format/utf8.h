// UTF-8 (RFC 3629): which bytes are well formed. Pure functions; no errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::format {

// Bytes, 1 to 4, of the character that starts at position; 0 where what is there is not one:
// a stray continuation, an overlong form, a surrogate, beyond U+10FFFF, cut off.
size_t Utf8Length(std::string_view text, size_t position);

bool IsUtf8(std::string_view text);

// Each byte is the code point of the same number.
std::string Latin1ToUtf8(std::string_view bytes);

}  // namespace tandem::format
