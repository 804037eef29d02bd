// Waits for SIGTERM or SIGINT in a plain thread, without a handler.
//
// Make it in main before any other thread starts: it blocks the two signals, threads inherit
// that, and a signal that comes early waits. Its destructor gives the calling thread its mask
// back.
#pragma once

#include <chrono>
#include <csignal>
#include <optional>

namespace tandem::net {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Blocks until one of the two comes; its number.
  int Wait() const;
  // Nothing where none came in time.
  std::optional<int> WaitFor(std::chrono::milliseconds timeout) const;

 private:
  sigset_t awaited_;
  sigset_t before_;
};

}  // namespace tandem::net
