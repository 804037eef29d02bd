// The one sink of logs. Rooms call Log; a program sets the sink once at its start (cli: spdlog).
// Before that, kWarning and above go to stderr. Thread-safe: the sink is called by one thread at
// a time, and must not itself log. No secrets, no request bodies.
#pragma once

#include <functional>
#include <string_view>

namespace tandem {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void Log(LogLevel level, std::string_view message);
// An empty function brings the first one, stderr, back.
void SetLogSink(std::function<void(LogLevel, std::string_view)> write);

}  // namespace tandem
