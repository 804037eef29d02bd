// The listener for probes, asked over HTTP.
#include "tandem/serving/net/monitoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tandem/serving/net/testing/http_client.h"

namespace tandem::net {
namespace {

using testing::BodyOf;
using testing::HttpClient;
using ::testing::StartsWith;

TEST(MonitoringTest, ReadinessIsAskedAnewAndSaysWhy) {
  std::atomic<bool> ready = false;
  const Metrics metrics("1.2.3");
  const auto server =
      StartMonitoring({.address = "127.0.0.1"}, metrics, [&ready]() -> Result<int64_t> {
        if (!ready) return DataLossError("version 3 is refused: it is \"bad\"");
        return 4;
      }).value();
  HttpClient client(server->port());
  const std::string answer = client.Get("/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(BodyOf(answer),
            "{\"error\":{\"code\":503,\"message\":\"version 3 is refused: it is \\\"bad\\\"\"}}\n");
  EXPECT_THAT(client.Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  ready = true;
  EXPECT_EQ(BodyOf(client.Get("/readyz")), "{\"status\":\"ready\",\"model_version\":4}\n");
  EXPECT_THAT(client.Get("/recommend/7"), StartsWith("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace tandem::net
