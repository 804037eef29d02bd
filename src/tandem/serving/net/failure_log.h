// A line in the log for answers that are the server's own failure, 5xx: the route, the code and
// why.
//
// The first one of a route and code is told at once, then one at most every `interval`, with how
// many came between. A reason is the server's own text: no bodies, no query strings. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/base/thread_annotations.h"
#include "tandem/serving/net/http.h"

namespace tandem::net {

class FailureLog {
 public:
  explicit FailureLog(std::chrono::milliseconds interval = std::chrono::seconds(10))
      : interval_(interval) {}

  // Anything but a 5xx costs one comparison. Routes are patterns: there are a few.
  void Record(const std::string& route, const HttpResponse& response) {
    if (response.status >= 500) Tell(route, response);
  }

 private:
  struct Told {
    std::chrono::steady_clock::time_point at;
    int64_t between = 0;  // not told since
  };
  void Tell(const std::string& route, const HttpResponse& response) TANDEM_EXCLUDES(mutex_);

  const std::chrono::milliseconds interval_;
  Mutex mutex_;
  std::map<std::pair<std::string, int>, Told> told_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::net
