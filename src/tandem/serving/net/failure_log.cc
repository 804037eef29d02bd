#include "tandem/serving/net/failure_log.h"

#include "tandem/base/log.h"

namespace tandem::net {
namespace {

constexpr size_t kMaxReason = 256;

// One line, whatever a library says.
std::string Line(std::string_view text) {
  std::string line(text.substr(0, kMaxReason));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return line;
}

}  // namespace

void FailureLog::Tell(const std::string& route, const HttpResponse& response) {
  const auto now = std::chrono::steady_clock::now();
  int64_t between = 0;
  {
    MutexLock lock(mutex_);
    const auto [at, first] = told_.try_emplace({route, response.status}, Told{now});
    Told& told = at->second;
    if (!first && now - told.at < interval_) {
      ++told.between;
      return;
    }
    between = std::exchange(told.between, 0);
    told.at = now;
  }
  Log(LogLevel::kError,
      StrCat("HTTP ", response.status, ", route ", route, ": ", Line(response.reason),
             between > 0 ? StrCat(" (and ", between, " more since the last such line)") : ""));
}

}  // namespace tandem::net
