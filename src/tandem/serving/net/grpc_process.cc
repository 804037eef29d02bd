#include "tandem/serving/net/grpc_process.h"

#include <grpc/support/cpu.h>
#include <grpc/support/log.h>
#include <sched.h>

#include <algorithm>

#include "tandem/base/log.h"
#include "tandem/base/parallel.h"
#include "tandem/base/status.h"

unsigned gpr_cpu_num_cores(void) {
  static const auto processors = static_cast<unsigned>(tandem::AvailableProcessors());
  return processors;
}

unsigned gpr_cpu_current_cpu(void) {
  const int now = sched_getcpu();
  return static_cast<unsigned>(std::max(now, 0)) % gpr_cpu_num_cores();
}

namespace tandem::net {
namespace {

void LogOfGrpc(gpr_log_func_args* line) {
  const LogLevel level = line->severity == GPR_LOG_SEVERITY_ERROR  ? LogLevel::kError
                         : line->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo
                                                                   : LogLevel::kDebug;
  Log(level, StrCat("gRPC: ", line->message, " (", line->file, ':', line->line, ')'));
}

}  // namespace

void SetUpGrpcProcess() { gpr_set_log_function(LogOfGrpc); }

}  // namespace tandem::net
