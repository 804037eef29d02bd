// Appends pieces of JSON text to a string, for answers made without building a Json first.
// Pure functions, safe from many threads on different strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::format {

// The text in quotes, with ", \ and control characters escaped; UTF-8 stays as it is, and each
// byte that is not part of a UTF-8 character becomes U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);

void AppendJsonNumber(std::string& out, int64_t value);
// The shortest text that reads back the same, always with a '.' or an exponent; null where the
// value is not finite, as JSON has no other word for it.
void AppendJsonNumber(std::string& out, double value);
// As double, but the shortest text that reads back as the same float.
void AppendJsonNumber(std::string& out, float value);

}  // namespace tandem::format
