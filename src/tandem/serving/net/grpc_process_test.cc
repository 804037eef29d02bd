#include "tandem/serving/net/grpc_process.h"

#include <gmock/gmock.h>
#include <grpc/support/cpu.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tandem/base/log.h"
#include "tandem/base/parallel.h"

namespace tandem::net {
namespace {

TEST(GrpcProcessTest, CountsTheProcessorsThatThisProcessMayUse) {
  EXPECT_EQ(gpr_cpu_num_cores(), AvailableProcessors());
  EXPECT_LT(gpr_cpu_current_cpu(), gpr_cpu_num_cores());
}

TEST(GrpcProcessTest, LinesOfGrpcGoToTheLog) {
  SetUpGrpcProcess();
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // as the first channel or server does
  std::vector<std::string> lines;
  SetLogSink([&lines](LogLevel level, std::string_view message) {
    if (level == LogLevel::kError) lines.emplace_back(message);
  });
  gpr_log(GPR_ERROR, "no %s", "luck");
  SetLogSink({});
  EXPECT_THAT(lines, ::testing::ElementsAre(::testing::StartsWith("gRPC: no luck (")));
}

}  // namespace
}  // namespace tandem::net
