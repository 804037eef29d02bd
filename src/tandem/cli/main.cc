// tandem <verb>: flags into options, one verb, one line on stderr where it fails.
// Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <iostream>

#include "tandem/cli/first_process.h"
#include "tandem/cli/log_sink.h"
#include "tandem/cli/program.h"

int main(int argc, char** argv) {
  tandem::cli::EndAtSignalsAsFirstProcess();
  tandem::cli::LogToStderr();
  return tandem::cli::RunProgram(argc, argv, std::cout, std::cerr);
}
