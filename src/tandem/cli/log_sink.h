// Where the program's log lines go: stderr, a line each, with time and level.
#pragma once

namespace tandem::cli {

// Once, at the start of a program.
void LogToStderr();

}  // namespace tandem::cli
