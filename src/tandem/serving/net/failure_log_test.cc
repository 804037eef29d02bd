#include "tandem/serving/net/failure_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "tandem/base/log.h"
#include "tandem/serving/net/http_metrics.h"
#include "tandem/serving/net/http_server.h"
#include "tandem/serving/net/metrics.h"
#include "tandem/serving/net/monitoring.h"
#include "tandem/serving/net/router.h"
#include "tandem/serving/net/testing/http_client.h"

namespace tandem::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpClient;
using ::testing::Not;
using ::testing::StartsWith;

class FailureLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogSink([this](LogLevel, std::string_view line) { lines_.emplace_back(line); });
  }
  void TearDown() override { SetLogSink({}); }

  std::vector<std::string> lines_;  // read where nobody logs
};

TEST_F(FailureLogTest, TheFirstOfARouteAndCodeIsToldAndThenOneEveryInterval) {
  FailureLog log(std::chrono::milliseconds(50));
  for (const int status : {200, 404, 499}) log.Record("/a", ErrorResponse(status, "no failure"));
  const auto begin = std::chrono::steady_clock::now();
  log.Record("/a", ErrorResponse(503, "no version"));
  log.Record("/b", ErrorResponse(503, "no version"));
  log.Record("/a", ErrorResponse(500, "a\nb"));
  EXPECT_THAT(lines_, ElementsAre("HTTP 503, route /a: no version",
                                  "HTTP 503, route /b: no version", "HTTP 500, route /a: a b"));
  lines_.clear();
  for (int i = 0; i < 7; ++i) log.Record("/a", ErrorResponse(503, "still none"));
  if (std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(40)) {
    GTEST_SKIP() << "this machine stood still";
  }
  EXPECT_THAT(lines_, ElementsAre());
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  log.Record("/a", ErrorResponse(503, "still none"));
  EXPECT_THAT(lines_, ElementsAre("HTTP 503, route /a: still none (and 7 more since the last such "
                                  "line)"));
}

// What the exception says is for the log; what the user asked for is not.
TEST_F(FailureLogTest, AnExceptionIsToldToTheLogAndNotToTheClient) {
  Metrics metrics("");
  HttpMetrics http(metrics.registry());
  Router router;
  const auto fail = [](const HttpRequest&, const HttpResponder&) {
    throw std::runtime_error("disk on fire");
  };
  router.Add("GET", "/watched/{id}", http.Watch("/watched/{id}", fail));
  router.Add("GET", "/probe", fail);
  auto server =
      HttpServer::Start(
          {.address = "127.0.0.1",
           .on_refused = [&](const HttpResponse& response) { http.CountRefused(response); }},
          [&](HttpRequest request, const HttpResponder& respond) {
            router.Handle(std::move(request), respond);
          })
          .value();
  for (const char* target : {"/watched/alice?n=secret", "/probe?n=secret"}) {
    EXPECT_THAT(HttpClient(server->port()).Get(target),
                AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("fire"))));
  }
  server.reset();
  EXPECT_THAT(lines_, ElementsAre("HTTP 500, route /watched/{id}: exception: disk on fire",
                                  "HTTP 500, route none: exception: disk on fire"));
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("{code=\"500\",route=\"/watched/{id}\"} 1\n"),
                                    HasSubstr("{code=\"500\",route=\"none\"} 1\n")));
}

TEST_F(FailureLogTest, TheListenerForMonitoringTellsToo) {
  const Metrics metrics("");
  auto server = StartMonitoring({.address = "127.0.0.1"}, metrics, []() -> Result<int64_t> {
                  throw std::runtime_error("no answer");
                }).value();
  EXPECT_THAT(HttpClient(server->port()).Get("/readyz"), StartsWith("HTTP/1.1 500 "));
  server.reset();
  EXPECT_THAT(lines_, ElementsAre("HTTP 500, route monitoring: exception: no answer"));
}

}  // namespace
}  // namespace tandem::net
