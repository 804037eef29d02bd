#include "tandem/cli/log_sink.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "tandem/base/log.h"
#include "tandem/format/json_writer.h"

namespace tandem::cli {
namespace {

spdlog::level::level_enum Level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void LogToStderr() {
  auto logger =
      std::make_shared<spdlog::logger>("tandem", std::make_shared<spdlog::sinks::stderr_sink_st>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  SetLogSink(
      [logger](LogLevel level, std::string_view message) { logger->log(Level(level), message); });
}

void LogJsonTo(std::ostream& out) {
  auto logger = std::make_shared<spdlog::logger>(
      "tandem", std::make_shared<spdlog::sinks::ostream_sink_st>(out, /*force_flush=*/true));
  // The message comes with its quotes.
  logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})",
                      spdlog::pattern_time_type::utc);
  SetLogSink([logger](LogLevel level, std::string_view message) {
    std::string quoted;
    format::AppendJsonString(quoted, message);
    logger->log(Level(level), quoted);
  });
}

}  // namespace tandem::cli
