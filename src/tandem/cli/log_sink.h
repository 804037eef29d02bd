// Where the program's log lines go, and in which form.
#pragma once

#include <ostream>

namespace tandem::cli {

enum class LogFormat { kText, kJson };

// A line each, with time and level. Once, at the start of a program.
void LogToStderr();

// One JSON object a line, for whoever collects the logs of containers:
// {"time":"2026-01-31T12:00:00.000Z","level":"info","message":"..."}. `out` must outlive the log.
void LogJsonTo(std::ostream& out);

}  // namespace tandem::cli
