#include "tandem/serving/net/signal.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace tandem::net {

StopSignals::StopSignals() : awaited_(), before_() {
  sigemptyset(&awaited_);
  sigaddset(&awaited_, SIGTERM);
  sigaddset(&awaited_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &awaited_, &before_);
}

StopSignals::~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int StopSignals::Wait() const {
  for (;;) {
    const int number = sigwaitinfo(&awaited_, nullptr);
    if (number > 0) return number;
  }
}

std::optional<int> StopSignals::WaitFor(std::chrono::milliseconds timeout) const {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::max(until - std::chrono::steady_clock::now(),
                                   std::chrono::steady_clock::duration::zero()))
                          .count();
    timespec wait{};
    wait.tv_sec = static_cast<time_t>(left / 1'000'000'000);
    wait.tv_nsec = static_cast<long>(left % 1'000'000'000);
    const int number = sigtimedwait(&awaited_, nullptr, &wait);
    if (number > 0) return number;
    if (errno != EINTR) return std::nullopt;
  }
}

}  // namespace tandem::net
