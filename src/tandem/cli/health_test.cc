// The verb against real probes on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <utility>

#include "tandem/cli/verbs.h"
#include "tandem/serving/net/monitoring.h"

namespace tandem::cli {
namespace {

using ::testing::HasSubstr;

Status Ask(const std::string& address, std::string* said = nullptr) {
  std::ostringstream out;
  const Status status = Health({.address = address, .timeout_seconds = 5}, out);
  if (said != nullptr) *said = out.str();
  return status;
}

std::unique_ptr<net::HttpServer> Serve(net::Readiness readiness) {
  const auto router = std::make_shared<net::Router>();
  net::AddProbes(*router, std::move(readiness));
  auto server =
      net::HttpServer::Start({.address = "127.0.0.1", .port = 0},
                             [router](net::HttpRequest request, const net::HttpResponder& respond) {
                               router->Handle(std::move(request), respond);
                             });
  EXPECT_TRUE(server.ok()) << server.status();
  return std::move(server).value();
}

TEST(Health, AReadyServerIsHealthyAndItsAnswerIsShown) {
  const auto server = Serve([] { return Result<int64_t>(17); });
  std::string said;
  EXPECT_TRUE(Ask(StrCat("localhost:", server->port()), &said).ok());
  EXPECT_EQ(said, "{\"status\":\"ready\",\"model_version\":17}\n");
}

TEST(Health, AServerThatIsNotReadySaysWhy) {
  const auto server =
      Serve([]() -> Result<int64_t> { return UnavailableError("no good version in /models/m"); });
  const Status status = Ask(StrCat("127.0.0.1:", server->port()));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("is not ready"));
  EXPECT_THAT(status.message(), HasSubstr("no good version in /models/m"));
}

TEST(Health, NobodyThereIsUnavailable) {
  int port = 0;
  {
    port = Serve([] { return Result<int64_t>(1); })->port();
  }  // free again
  const Status status = Ask(StrCat("127.0.0.1:", port));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(StrCat("127.0.0.1:", port, " does not answer")));
}

TEST(Health, AnAddressNeedsAPort) {
  EXPECT_EQ(Ask("localhost").code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem::cli
