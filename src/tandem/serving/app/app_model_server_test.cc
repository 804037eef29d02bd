// An app and its model server: who answers, and which of them goes first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tandem/serving/app/app_fixture.h"
#include "tandem/serving/app/testing/fake_model_server.h"

namespace tandem::app {
namespace {

using net::testing::BodyOf;
using net::testing::HttpClient;
using ::testing::AllOf;
using testing::FakeModelServer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AppModelServerTest : public AppFixture {
 protected:
  void StartBeside(const FakeModelServer& server) {
    Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port()),
                                                .timeout = std::chrono::seconds(10)}});
  }
};

TEST_F(AppModelServerTest, EveryRequestOfAKnownUserIsOneCallOfTheModelServer) {
  FakeModelServer server;
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "3");
  server.Answer(
      {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  StartBeside(server);
  const int before = server.calls();  // at the start, whether it has this bundle
  HttpClient client(app_->port());
  for (int i = 0; i < 50; ++i) {
    const std::string answer = client.Get("/recommend/7");
    ASSERT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), Not(HasSubstr("X-Tandem"))));
    // The server's embedding ranks, here that of another user; what user 7 saw is left out.
    ASSERT_EQ(
        BodyOf(answer),
        Json(*bundle, "7",
             recommend::TopItems(*bundle, embedding, recommend::SeenBy(*bundle, "7"), 10).value()));
  }
  EXPECT_EQ(server.calls() - before, 50);
}

TEST_F(AppModelServerTest, WithoutItsModelServerTheAppAnswersItselfAndSaysSo) {
  int port = 0;
  { port = FakeModelServer().port(); }
  Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", port)}});
  for (int i = 0; i < 10; ++i) {
    const std::string answer = Get("/recommend/7");
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                              HasSubstr("X-Tandem-Degraded: model-server\r\n")));
    EXPECT_EQ(BodyOf(answer), Expected(*Version(1), "7", 10));
  }
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
}

// The model server has the old bundle until the app has waited for a while; no answer comes from
// the app's own copy.
TEST_F(AppModelServerTest, ANewVersionTakesOverWhenAModelServerHasItToo) {
  FakeModelServer server;
  const auto answer_as = [&](int64_t version) {
    const auto bundle = Version(version);
    const auto embedding = bundle::UserEmbedding(*bundle, "7");
    server.Answer(
        {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  };
  answer_as(1);
  StartBeside(server);
  Write(2);
  const std::string first = Expected(*Version(1), "7", 10);
  const std::string second = Expected(*Version(2), "7", 10);
  for (int i = 0; i < 100; ++i) {
    const std::string answer = Get("/recommend/7");
    ASSERT_THAT(answer, Not(HasSubstr("X-Tandem")));
    ASSERT_EQ(BodyOf(answer), first);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  answer_as(2);
  WaitUntilServing(2);
  const std::string answer = Get("/recommend/7");
  EXPECT_THAT(answer, Not(HasSubstr("X-Tandem")));
  EXPECT_EQ(BodyOf(answer), second);
}

TEST_F(AppModelServerTest, ANewVersionDoesNotWaitForAModelServerForEver) {
  FakeModelServer server;
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "7");
  server.Answer(
      {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port())},
         .patience = std::chrono::milliseconds(50)});
  Write(2);
  WaitUntilServing(2);
  const std::string answer = Get("/recommend/7");
  EXPECT_THAT(answer, HasSubstr("X-Tandem-Degraded"));
  EXPECT_EQ(BodyOf(answer), Expected(*Version(2), "7", 10));
}

// As where apps and model servers are replaced at once, and the name shows the old ones yet.
TEST_F(AppModelServerTest, WhereModelServersHaveAnotherBundleTheFirstVersionWaitsForItsOwn) {
  FakeModelServer server;
  server.Answer({.fingerprint = "another"});
  StartAt("/bundles",
          {.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port()),
                                                .timeout = std::chrono::seconds(10)},
           .patience = std::chrono::minutes(1)});
  for (int i = 0; i < 30'000 && server.calls() < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_GE(server.calls(), 3);
  EXPECT_EQ(app_->Readiness().status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "7");
  server.Answer(
      {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  WaitUntilServing(1);
  EXPECT_THAT(Get("/recommend/7"), Not(HasSubstr("X-Tandem")));
}

TEST_F(AppModelServerTest, AtTheStartAModelServerMayTakeAMomentToAnswer) {
  int port = 0;
  { port = FakeModelServer().port(); }
  StartAt("/bundles", {.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", port),
                                                            .timeout = std::chrono::seconds(10)},
                       .patience = std::chrono::minutes(1),
                       .first_answer = std::chrono::minutes(1)});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(app_->Readiness().status().code(), StatusCode::kUnavailable);
  FakeModelServer server(port);
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "7");
  server.Answer(
      {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  WaitUntilServing(1);
  EXPECT_THAT(Get("/recommend/7"), Not(HasSubstr("X-Tandem")));
}

TEST_F(AppModelServerTest, TheFirstVersionDoesNotWaitForAModelServerForEver) {
  FakeModelServer server;
  server.Answer({.fingerprint = "another"});
  Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port())},
         .patience = std::chrono::milliseconds(50)});
  EXPECT_THAT(Get("/recommend/7"), HasSubstr("X-Tandem-Degraded"));
}

TEST_F(AppModelServerTest, ATargetThatIsNoHostAndPortDoesNotStart) {
  const Status status =
      App::Start(env_, {.bundle = "/bundles",
                        .model_server = RemoteEncoderOptions{.target = "dns:///model"}})
          .status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

TEST_F(AppModelServerTest, ARequestThatWaitsForTheModelServerIsAnsweredInTheDrain) {
  FakeModelServer server;
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "7");
  server.Answer({.fingerprint = bundle->fingerprint,
                 .embedding = {embedding.begin(), embedding.end()},
                 .delay = std::chrono::milliseconds(300)});
  StartBeside(server);
  const int before = server.calls();
  HttpClient client(app_->port());
  client.Send("GET /recommend/7 HTTP/1.1\r\nHost: x\r\n\r\n");
  while (server.calls() == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(app_->Drain(std::chrono::seconds(10)).ok());
  EXPECT_EQ(BodyOf(client.Receive()), Expected(*bundle, "7", 10));
}

TEST_F(AppModelServerTest, MetricsTellAnswersOfTheModelServerFromOthers) {
  FakeModelServer server;
  const auto bundle = Version(1);
  const auto embedding = bundle::UserEmbedding(*bundle, "7");
  server.Answer(
      {.fingerprint = bundle->fingerprint, .embedding = {embedding.begin(), embedding.end()}});
  Start({.program_version = "1.2.3",
         .model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port()),
                                              .timeout = std::chrono::seconds(10)},
         .monitoring = net::HttpServerOptions{.address = "127.0.0.1"}});
  for (const char* target : {"/recommend/7", "/recommend/nobody", "/recommend/7", "/healthz"}) {
    EXPECT_THAT(Get(target), StartsWith("HTTP/1.1 200 "));
  }
  server.Answer({.fingerprint = "another"});
  EXPECT_THAT(Get("/recommend/7"), HasSubstr("X-Tandem-Degraded"));
  EXPECT_THAT(
      HttpClient(app_->monitoring_port().value()).Get("/metrics"),
      AllOf(
          HasSubstr("tandem_recommendations_total{source=\"model-server\"} 2\n"),
          HasSubstr("tandem_recommendations_total{source=\"fallback\"} 1\n"),
          HasSubstr("tandem_recommendations_total{source=\"degraded\"} 1\n"),
          HasSubstr("tandem_http_requests_total{code=\"200\",route=\"/recommend/{user_id}\"} 4\n"),
          HasSubstr(StrCat("tandem_model_info{bundle=\"", bundle->fingerprint,
                           "\",model=\"user_model\",version=\"1\"} 1\n")),
          HasSubstr("tandem_build_info{version=\"1.2.3\"} 1\n")));
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 404 ")) << "not on the public port";
}

}  // namespace
}  // namespace tandem::app
