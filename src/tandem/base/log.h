// The one sink of logs. Rooms call Log; a program sets the sink once at its start (cli: spdlog).
// Before that, kWarning and above go to stderr. Thread-safe. No secrets, no request bodies.
#pragma once

#include <functional>
#include <string_view>

namespace tandem {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void Log(LogLevel level, std::string_view message);
void SetLogSink(std::function<void(LogLevel, std::string_view)> sink);

}  // namespace tandem
