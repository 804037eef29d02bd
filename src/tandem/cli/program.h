// The command line of `tandem`, apart from main so that tests can call it.
#pragma once

#include <ostream>

namespace tandem::cli {

// Exit code: 0 done, 1 failed (one line on `err`), 2 wrong usage (usage on `err`).
int RunProgram(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace tandem::cli
