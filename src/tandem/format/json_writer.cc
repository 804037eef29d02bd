#include "tandem/format/json_writer.h"

#include <charconv>
#include <cmath>
#include <cstddef>

#include "tandem/format/utf8.h"

namespace tandem::format {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

bool IsPlain(char c) {
  const auto value = static_cast<uint8_t>(c);
  return value >= 0x20 && value < 0x80 && c != '"' && c != '\\';
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      const auto value = static_cast<uint8_t>(c);
      out += "\\u00";
      out += kHexDigits[value >> 4];
      out += kHexDigits[value & 0xF];
    }
  }
}

template <typename T>
void AppendFinite(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[32];  // the longest double, -1.2345678901234567e-308, takes 24
  const auto written = std::to_chars(buffer, buffer + sizeof(buffer), value);
  const std::string_view text(buffer, static_cast<size_t>(written.ptr - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  size_t position = 0;
  while (position < text.size()) {
    size_t end = position;
    while (end < text.size() && IsPlain(text[end])) ++end;
    out.append(text, position, end - position);
    position = end;
    if (position == text.size()) break;
    const size_t length = Utf8Length(text, position);
    if (length == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD
      ++position;
    } else if (length == 1 && text[position] != '\x7F') {
      AppendEscaped(out, text[position++]);
    } else {
      out.append(text, position, length);
      position += length;
    }
  }
  out += '"';
}

void AppendJsonNumber(std::string& out, int64_t value) {
  char buffer[20];  // -9223372036854775808 takes all of it
  const auto written = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out.append(buffer, written.ptr);
}

void AppendJsonNumber(std::string& out, double value) { AppendFinite(out, value); }

void AppendJsonNumber(std::string& out, float value) { AppendFinite(out, value); }

}  // namespace tandem::format
