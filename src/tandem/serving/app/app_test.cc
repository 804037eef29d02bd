// An app that encodes users itself.
#include "tandem/serving/app/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tandem/serving/app/app_fixture.h"

namespace tandem::app {
namespace {

using net::testing::BodyOf;
using net::testing::HttpClient;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AppTest : public AppFixture {};

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

TEST_F(AppTest, DoesNotStartWithoutItsBasePath) {
  EXPECT_EQ(App::Start(env_, {.bundle = "/none"}).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace tandem::app
