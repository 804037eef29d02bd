// tandem <verb>: flags into options, one verb, one line on stderr where it fails.
// Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "tandem/cli/first_process.h"
#include "tandem/cli/log_sink.h"
#include "tandem/cli/program.h"

namespace {

// Signals have no default action for process 1, which a verb is in a container: `tandem train`
// would not end at SIGTERM. Servers wait for the two by themselves.
void EndAtSignalsAsProcess1() {
  if (getpid() != 1) return;
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int n) { _exit(128 + n); });
}

}  // namespace

int main(int argc, char** argv) {
  EndAtSignalsAsProcess1();
  tandem::cli::EndAtSignalsAsFirstProcess();
  tandem::cli::LogToStderr();
  return tandem::cli::RunProgram(argc, argv, std::cout, std::cerr);
}
