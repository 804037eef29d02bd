// Text of a user in a message: in quotes, what does not print escaped, cut to what a line holds.
#pragma once

#include <string>
#include <string_view>

#include "tandem/format/json_writer.h"

namespace tandem::index {

inline constexpr size_t kMostQuoted = 60;  // bytes

inline std::string Quoted(std::string_view text) {
  std::string out;
  format::AppendJsonString(out, text.substr(0, kMostQuoted));
  return out;
}

}  // namespace tandem::index
