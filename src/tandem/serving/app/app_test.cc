// A real app on loopback, asked over HTTP.
#include "tandem/serving/app/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/bundle/writer.h"
#include "tandem/format/json_writer.h"
#include "tandem/recommend/recommender.h"
#include "tandem/serving/app/testing/fake_model_server.h"
#include "tandem/serving/net/testing/http_client.h"

namespace tandem::app {
namespace {

using net::testing::BodyOf;
using net::testing::HttpClient;
using ::testing::AllOf;
using testing::FakeModelServer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AppTest : public ::testing::Test {
 protected:
  void SetUp() override { Write(1); }

  void Write(uint64_t seed) {
    const auto written =
        bundle::WriteNextVersion(env_, "/bundles", bundle::testing::TinyBundle(seed));
    ASSERT_TRUE(written.ok()) << written.status();
  }
  std::shared_ptr<const bundle::Bundle> Version(int64_t version) {
    return bundle::ReadVersion(env_, StrCat("/bundles/", version)).value();
  }
  // Until it is ready.
  void Start(AppOptions options = {}) {
    StartAt("/bundles", std::move(options));
    WaitUntilServing(1);
  }
  void WaitUntilServing(int64_t version) {
    const auto serves = [&] {
      const Result<int64_t> newest = app_->Readiness();
      return newest.ok() && *newest == version;
    };
    for (int i = 0; i < 30'000 && !serves(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(serves()) << app_->Readiness().status();
  }
  void StartAt(const std::string& bundle, AppOptions options = {}) {
    options.bundle = bundle;
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.poll_interval = std::chrono::milliseconds(5);
    auto app = App::Start(env_, options);
    ASSERT_TRUE(app.ok()) << app.status();
    app_ = std::move(app).value();
  }
  void StartBeside(const FakeModelServer& server) {
    Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port()),
                                                .timeout = std::chrono::seconds(10)}});
  }
  std::string Get(const std::string& target) { return HttpClient(app_->port()).Get(target); }

  static std::string Json(const bundle::Bundle& bundle, const std::string& user,
                          const std::vector<recommend::Recommendation>& items) {
    std::string titles;
    for (const auto& item : items) {
      if (!titles.empty()) titles += ", ";
      format::AppendJsonString(titles, bundle.items.titles[static_cast<size_t>(item.item)]);
    }
    return StrCat(R"({"user_id": [")", user, R"("], "recommendations": [[)", titles, "]]}\n");
  }
  // What a known user should get, from the library below.
  static std::string Expected(const bundle::Bundle& bundle, const std::string& user, int n) {
    return Json(bundle, user,
                recommend::TopItems(bundle, bundle::UserEmbedding(bundle, user),
                                    recommend::SeenBy(bundle, user), n)
                    .value());
  }

  MemoryEnv env_;
  std::unique_ptr<App> app_;
};

TEST_F(AppTest, AKnownUserGetsTenTitlesThatTheyHaveNotSeen) {
  Start();
  const std::string answer = Get("/recommend/7");
  EXPECT_THAT(answer,
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("Content-Type: application/json\r\n"), Not(HasSubstr("X-Tandem"))));
  const auto bundle = Version(1);
  EXPECT_EQ(BodyOf(answer), Expected(*bundle, "7", 10));
  ASSERT_FALSE(recommend::SeenBy(*bundle, "7").empty());
  for (const int32_t seen : recommend::SeenBy(*bundle, "7")) {
    EXPECT_THAT(answer, Not(HasSubstr(bundle->items.titles[static_cast<size_t>(seen)])));
  }
}

TEST_F(AppTest, NSaysHowMany) {
  Start();
  const auto bundle = Version(1);
  EXPECT_EQ(BodyOf(Get("/recommend/7?n=1")), Expected(*bundle, "7", 1));
  // All that is unseen, where n is more: 60 items less what user 7 has seen.
  EXPECT_EQ(BodyOf(Get("/recommend/7?n=1000")), Expected(*bundle, "7", 1000));
  for (const char* n : {"0", "-1", "1001", "ten", "", "1.5", "+5", "99999999999999999999", "5x"}) {
    const std::string answer = Get(StrCat("/recommend/7?n=", n));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << n;
    EXPECT_THAT(BodyOf(answer), StartsWith(R"({"error":{"code":400,"message":"n: expected a)"))
        << n;
  }
}

TEST_F(AppTest, AFilterSaysWhichItemsMayBeRecommended) {
  Start();
  const auto bundle = Version(1);
  const auto allowed = recommend::FilterItems(*bundle, "category = Comedy").value();
  ASSERT_TRUE(allowed.has_value());
  const auto wanted = [&](const std::string& user) {
    return Json(
        *bundle, user,
        recommend::Recommend(*bundle, user, 5, recommend::SeenItems::kExclude, allowed).value());
  };
  for (const char* filter : {"category=Comedy", "category%20%3D%20%22Comedy%22"}) {
    EXPECT_EQ(BodyOf(Get(StrCat("/recommend/7?n=5&filter=", filter))), wanted("7"));
    EXPECT_EQ(BodyOf(Get(StrCat("/recommend/nobody?filter=", filter, "&n=5"))), wanted("nobody"));
  }
  EXPECT_NE(wanted("7"), Expected(*bundle, "7", 5));
  EXPECT_EQ(BodyOf(Get("/recommend/7?n=5&filter=")), Expected(*bundle, "7", 5));
  const std::string answer = Get("/recommend/7?filter=genre=Comedy");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(BodyOf(answer), HasSubstr(R"(filter, at byte 1: there is no attribute \"genre\")"));
}

TEST_F(AppTest, AnUnknownUserGetsWhatIsPopularAndIsTold) {
  Start();
  const auto bundle = Version(1);
  const std::string answer = Get("/recommend/nobody");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                            HasSubstr("X-Tandem-Fallback: unknown-user\r\n")));
  EXPECT_EQ(BodyOf(answer),
            Json(*bundle, "nobody", recommend::PopularItems(*bundle, {}, 10).value()));
}

TEST_F(AppTest, UserIdsAreDecodedEscapedAndBounded) {
  Start();
  EXPECT_THAT(BodyOf(Get("/recommend/a%2Fb%22%C3%A9")), StartsWith(R"({"user_id": ["a/b\"é"])"));
  EXPECT_THAT(Get("/recommend/" + std::string(256, 'x')), StartsWith("HTTP/1.1 200 "));
  const std::string answer = Get("/recommend/" + std::string(257, 'x'));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(BodyOf(answer), HasSubstr("user id: expected at most 256 bytes, got 257"));
}

TEST_F(AppTest, OtherRequestsGetTheirErrorAsJson) {
  Start();
  EXPECT_THAT(Get("/recommend"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/recommend/"), StartsWith("HTTP/1.1 404 "));
  HttpClient client(app_->port());
  client.Send("POST /recommend/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  const std::string answer = client.Receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(BodyOf(answer), StartsWith(R"({"error":{"code":405,)"));
}

TEST_F(AppTest, EveryRequestOfAKnownUserIsOneCallOfTheModelServer) {
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

TEST_F(AppTest, WithoutItsModelServerTheAppAnswersItselfAndSaysSo) {
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

TEST_F(AppTest, ANewVersionIsSwappedInUnderRequestsWithoutAnError) {
  Start();
  const std::string first = Expected(*Version(1), "7", 10);
  Write(2);
  const std::string second = Expected(*Version(2), "7", 10);
  ASSERT_NE(first, second);
  HttpClient client(app_->port());
  std::string body = first;
  for (int i = 0; i < 100'000 && body != second; ++i) {
    const std::string answer = client.Get("/recommend/7");
    ASSERT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    body = BodyOf(answer);
    ASSERT_TRUE(body == first || body == second) << body;
  }
  EXPECT_EQ(body, second);
  EXPECT_THAT(BodyOf(Get("/readyz")), HasSubstr("\"model_version\":2"));
}

// The model server has the old bundle until the app has waited for a while; no answer comes from
// the app's own copy.
TEST_F(AppTest, ANewVersionTakesOverWhenAModelServerHasItToo) {
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

TEST_F(AppTest, ANewVersionDoesNotWaitForAModelServerForEver) {
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
TEST_F(AppTest, WhereModelServersHaveAnotherBundleTheFirstVersionWaitsForItsOwn) {
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

TEST_F(AppTest, AtTheStartAModelServerMayTakeAMomentToAnswer) {
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

TEST_F(AppTest, TheFirstVersionDoesNotWaitForAModelServerForEver) {
  FakeModelServer server;
  server.Answer({.fingerprint = "another"});
  Start({.model_server = RemoteEncoderOptions{.target = StrCat("127.0.0.1:", server.port())},
         .patience = std::chrono::milliseconds(50)});
  EXPECT_THAT(Get("/recommend/7"), HasSubstr("X-Tandem-Degraded"));
}

TEST_F(AppTest, ATargetThatIsNoHostAndPortDoesNotStart) {
  const Status status =
      App::Start(env_, {.bundle = "/bundles",
                        .model_server = RemoteEncoderOptions{.target = "dns:///model"}})
          .status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

TEST_F(AppTest, AnAnnouncedShutdownIsUnreadyButAnswers) {
  Start();
  EXPECT_EQ(BodyOf(Get("/readyz")), "{\"status\":\"ready\",\"model_version\":1}\n");
  app_->AnnounceShutdown();
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/recommend/7"),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\nConnection: close\r\n")));
  EXPECT_TRUE(app_->Drain(std::chrono::seconds(5)).ok());
  EXPECT_EQ(Get("/healthz"), "closed");
}

TEST_F(AppTest, ARequestThatWaitsForTheModelServerIsAnsweredInTheDrain) {
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

TEST_F(AppTest, LivesButIsNotReadyUntilAGoodVersionComes) {
  ASSERT_TRUE(env_.CreateDirectory("/later").ok());
  StartAt("/later", {.monitoring = net::HttpServerOptions{.address = "127.0.0.1"}});
  HttpClient monitoring(app_->monitoring_port().value());
  while (BodyOf(Get("/readyz")).find("/later holds no version") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(monitoring.Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/recommend/7"), StartsWith("HTTP/1.1 503 "));
  ASSERT_TRUE(env_.Rename("/bundles/1", "/later/1").ok());
  WaitUntilServing(1);
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(monitoring.Get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/recommend/7"), StartsWith("HTTP/1.1 200 "));
  app_->AnnounceShutdown();
  EXPECT_THAT(monitoring.Get("/readyz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(AppTest, MetricsTellAnswersOfTheModelServerFromOthers) {
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

TEST_F(AppTest, DoesNotStartWithoutItsBasePath) {
  EXPECT_EQ(App::Start(env_, {.bundle = "/none"}).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace tandem::app
