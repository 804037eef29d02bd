#include "tandem/cli/first_process.h"

#include <unistd.h>

#include <csignal>

namespace tandem::cli {

void EndAtSignalsAsFirstProcess() {
  if (getpid() != 1) return;
  struct sigaction action = {};
  action.sa_handler = [](int number) { _exit(128 + number); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace tandem::cli
