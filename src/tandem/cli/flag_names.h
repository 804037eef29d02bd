// Flags take '-' and '_' alike.
#pragma once

#include <string>

namespace tandem::cli {

// For the command line's parser: "--skip-bad-rows" is known as "--skip_bad_rows" too.
inline std::string BothSpellings(const std::string& flag) {
  std::string other = flag;
  for (size_t i = 2; i < other.size(); ++i) {
    if (other[i] == '-') other[i] = '_';
  }
  return other == flag ? flag : flag + "," + other;
}

}  // namespace tandem::cli
