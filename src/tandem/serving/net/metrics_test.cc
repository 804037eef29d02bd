// What is counted, as Prometheus would read it.
#include "tandem/serving/net/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "tandem/serving/net/grpc_metrics.h"
#include "tandem/serving/net/http_metrics.h"
#include "tandem/serving/net/http_server.h"
#include "tandem/serving/net/monitoring.h"
#include "tandem/serving/net/router.h"
#include "tandem/serving/net/testing/http_client.h"

namespace tandem::net {
namespace {

using ::testing::AllOf;
using testing::BodyOf;
using ::testing::HasSubstr;
using testing::HttpClient;
using ::testing::Not;
using ::testing::StartsWith;

TEST(MetricsTest, TellsTheProgramAndTheProcess) {
  const Metrics metrics("1.2.3");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("tandem_build_info{version=\"1.2.3\"} 1\n"));
  for (const char* name : {"process_start_time_seconds", "process_cpu_seconds_total",
                           "process_resident_memory_bytes", "process_open_fds"}) {
    const size_t at = text.find(StrCat("\n", name, " "));
    ASSERT_NE(at, std::string::npos) << name << " in " << text;
    EXPECT_GT(std::stod(text.substr(at + 2 + std::string(name).size())), 0) << name;
  }
}

TEST(MetricsTest, TheListenerForMonitoringShowsThem) {
  const Metrics metrics("1.2.3");
  const auto server =
      StartMonitoring({.address = "127.0.0.1"}, metrics, [] { return Result<int64_t>(1); }).value();
  const std::string answer = HttpClient(server->port()).Get("/metrics");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 "),
                            HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8")));
  EXPECT_THAT(BodyOf(answer), HasSubstr("tandem_build_info"));
}

class HttpMetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    router_.Add("GET", "/items/{id}",
                http_.Watch("/items/{id}",
                            [this](const HttpRequest& request, const HttpResponder& respond) {
                              if (*request.Param("id") == "later") {
                                later_ = respond;
                              } else if (*request.Param("id") != "dropped") {
                                respond({.status = *request.Param("id") == "bad" ? 400 : 200});
                              }
                            }));
    server_ = HttpServer::Start({.address = "127.0.0.1", .on_refused = refused_},
                                [this](HttpRequest request, const HttpResponder& respond) {
                                  router_.Handle(std::move(request), respond);
                                })
                  .value();
  }

  Metrics metrics_{""};
  HttpMetrics http_{metrics_.registry()};
  std::function<void(const HttpResponse&)> refused_ = [this](const HttpResponse& response) {
    http_.CountRefused(response);
  };
  Router router_{refused_};
  std::optional<HttpResponder> later_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpMetricsTest, AnswersAreCountedByRouteAndCode) {
  HttpClient client(server_->port());
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("code="))) << "a code that never came is not shown";
  for (const char* target :
       {"/items/1", "/items/2", "/items/bad", "/items/dropped", "/nothing", "/items/%zz"}) {
    client.Get(target);
  }
  client.Send("PUT /items/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  client.Receive();
  client.Send("noise\r\n\r\n");
  client.Receive();
  const std::string text = metrics_.Text();
  for (const char* line : {
           "tandem_http_requests_total{code=\"200\",route=\"/items/{id}\"} 2\n",
           "tandem_http_requests_total{code=\"400\",route=\"/items/{id}\"} 1\n",
           "tandem_http_requests_total{code=\"500\",route=\"/items/{id}\"} 1\n",
           "tandem_http_requests_total{code=\"404\",route=\"none\"} 1\n",
           "tandem_http_requests_total{code=\"405\",route=\"none\"} 1\n",
           "tandem_http_requests_total{code=\"400\",route=\"none\"} 2\n",
           "tandem_http_request_duration_seconds_count{route=\"/items/{id}\"} 4\n",
           "tandem_http_request_duration_seconds_bucket{route=\"/items/{id}\",le=\"+Inf\"} 4\n",
           "tandem_http_requests_in_flight 0\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(HttpMetricsTest, ARequestIsInFlightUntilItsAnswerAndIsTimedUntilThen) {
  HttpClient client(server_->port());
  client.Send("GET /items/later HTTP/1.1\r\nHost: a\r\n\r\n");
  while (metrics_.Text().find("tandem_http_requests_in_flight 1\n") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  HttpClient(server_->port()).Get("/nothing");  // the handler has run: it has set later_
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  (*later_)({});
  client.Receive();
  EXPECT_THAT(metrics_.Text(),
              AllOf(HasSubstr("tandem_http_requests_in_flight 0\n"),
                    HasSubstr("seconds_bucket{route=\"/items/{id}\",le=\"0.01\"} 0\n"),
                    HasSubstr("seconds_bucket{route=\"/items/{id}\",le=\"+Inf\"} 1\n")));
}

TEST(GrpcMetricsTest, CallsAreCountedByMethodAndCodeFromManyThreads) {
  Metrics metrics("");
  GrpcMetrics grpc(metrics.registry());
  GrpcMetrics::Method& get = grpc.AddMethod("a.B/Get");
  GrpcMetrics::Method& put = grpc.AddMethod("a.B/Put");
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          GrpcCall(get).Finish(i % 10 == 0 ? StatusCode::kNotFound : StatusCode::kOk);
        }
      });
    }
  }
  const GrpcCall open(put);
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr("tandem_grpc_requests_total{code=\"OK\",method=\"a.B/Get\"} 3600\n"),
            HasSubstr("{code=\"NOT_FOUND\",method=\"a.B/Get\"} 400\n"),
            HasSubstr("tandem_grpc_request_duration_seconds_count{method=\"a.B/Get\"} 4000"),
            HasSubstr("tandem_grpc_requests_in_flight 1\n")));
  open.Finish(StatusCode::kCancelled);
  EXPECT_THAT(metrics.Text(), HasSubstr("{code=\"CANCELLED\",method=\"a.B/Put\"} 1\n"));
}

}  // namespace
}  // namespace tandem::net
