#include "tandem/base/log.h"

#include <cstdio>
#include <utility>

#include "tandem/base/thread_annotations.h"

namespace tandem {
namespace {

struct Sink {
  Mutex mutex;
  std::function<void(LogLevel, std::string_view)> write TANDEM_GUARDED_BY(mutex);
};

// Never destroyed: threads and destructors may log until the very end of the process.
Sink& TheSink() {
  static Sink* const sink = new Sink;
  return *sink;
}

void WriteToStderr(LogLevel level, std::string_view message) {
  if (level < LogLevel::kWarning) return;
  std::fprintf(stderr, "%s: %.*s\n", level == LogLevel::kWarning ? "warning" : "error",
               static_cast<int>(message.size()), message.data());
}

}  // namespace

void Log(LogLevel level, std::string_view message) {
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  if (sink.write) {
    sink.write(level, message);
  } else {
    WriteToStderr(level, message);
  }
}

void SetLogSink(std::function<void(LogLevel, std::string_view)> write) {
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  sink.write = std::move(write);
}

}  // namespace tandem
