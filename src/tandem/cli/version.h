// The version of the program, from the file VERSION at the root.
#pragma once

namespace tandem::cli {

inline constexpr char kVersion[] = TANDEM_VERSION;

}  // namespace tandem::cli
