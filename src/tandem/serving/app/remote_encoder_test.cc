// Against a model server that does what a test tells it, over real gRPC.
#include "tandem/serving/app/remote_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tandem/bundle/query.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/serving/app/testing/fake_model_server.h"

namespace tandem::app {
namespace {

using recommend::EncodedQuery;
using ::testing::ElementsAreArray;
using testing::FakeModelServer;

class RemoteEncoderTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const bundle::Bundle> MakeBundle() {
    bundle::Bundle bundle = bundle::testing::TinyBundle(1);
    bundle.version = 17;
    bundle.fingerprint = "0123abcd";
    return std::make_shared<const bundle::Bundle>(std::move(bundle));
  }
  EncodedQuery Encode(RemoteEncoder& encoder, const std::string& user) {
    std::promise<EncodedQuery> answer;
    encoder.Encode(bundle_, user, [&](EncodedQuery query) { answer.set_value(std::move(query)); });
    return answer.get_future().get();
  }
  std::unique_ptr<RemoteEncoder> Make(const RemoteEncoderOptions& options) {
    return RemoteEncoder::Create(options, registry_).value();
  }
  static RemoteEncoderOptions To(const FakeModelServer& server) {
    return {.target = StrCat("127.0.0.1:", server.port()), .timeout = std::chrono::seconds(10)};
  }
  void ExpectOwn(const EncodedQuery& query, const std::string& user) {
    EXPECT_TRUE(query.degraded);
    const auto own = bundle::UserEmbedding(*bundle_, user);
    EXPECT_THAT(query.embedding, ElementsAreArray(own.begin(), own.end()));
  }

  prometheus::Registry registry_;
  const std::shared_ptr<const bundle::Bundle> bundle_ = MakeBundle();
};

TEST_F(RemoteEncoderTest, TakesTheEmbeddingOfTheServerForTheVersionOfItsOwnBundle) {
  FakeModelServer server;
  server.Answer({.fingerprint = "0123abcd", .embedding = {1, 2, 3, 4, 5, 6, 7, 8}});
  const auto made = Make(To(server));
  RemoteEncoder& encoder = *made;
  const EncodedQuery query = Encode(encoder, "7");
  EXPECT_FALSE(query.degraded);
  EXPECT_THAT(query.embedding, ElementsAreArray({1, 2, 3, 4, 5, 6, 7, 8}));
  const auto request = server.LastRequest();
  EXPECT_EQ(request.model_spec().name(), "user_model");
  EXPECT_EQ(request.model_spec().version().value(), 17);
  EXPECT_EQ(request.inputs().at("string_lookup_1_input").string_val(0), "7");
  EXPECT_EQ(server.LastWanted(), "0123abcd");
  EXPECT_EQ(server.calls(), 1);
}

TEST_F(RemoteEncoderTest, AnEmbeddingOfAnotherBundleIsNotTaken) {
  FakeModelServer server;
  for (const FakeModelServer::Answers& answers : {
           FakeModelServer::Answers{"ffffffff", {1, 2, 3, 4, 5, 6, 7, 8}},
           FakeModelServer::Answers{"", {1, 2, 3, 4, 5, 6, 7, 8}},
           FakeModelServer::Answers{"0123abcd", {1, 2, 3}},
       }) {
    const auto encoder = Make(To(server));
    server.Answer(answers);
    const int before = server.calls();
    ExpectOwn(Encode(*encoder, "7"), "7");
    EXPECT_EQ(server.calls(), before + 1);
  }
}

TEST_F(RemoteEncoderTest, AnErrorOfTheServerIsNoErrorOfTheRequest) {
  FakeModelServer server;
  server.Answer({.error = grpc::Status(grpc::NOT_FOUND, "no such version")});
  const auto made = Make(To(server));
  RemoteEncoder& encoder = *made;
  ExpectOwn(Encode(encoder, "7"), "7");
}

TEST_F(RemoteEncoderTest, AServerThatIsSilentIsWaitedForNoLongerThanTheTimeout) {
  FakeModelServer server;
  server.Answer({.fingerprint = "0123abcd",
                 .embedding = {1, 2, 3, 4, 5, 6, 7, 8},
                 .delay = std::chrono::seconds(30)});
  RemoteEncoderOptions options = To(server);
  options.timeout = std::chrono::milliseconds(50);
  const auto made = Make(options);
  RemoteEncoder& encoder = *made;
  const auto begin = std::chrono::steady_clock::now();
  ExpectOwn(Encode(encoder, "7"), "7");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(RemoteEncoderTest, ASilentServerCostsWaitsOnlyUntilItIsGivenUp) {
  FakeModelServer server;
  server.Answer({.fingerprint = "0123abcd",
                 .embedding = {1, 2, 3, 4, 5, 6, 7, 8},
                 .delay = std::chrono::seconds(30)});
  RemoteEncoderOptions options = To(server);
  options.timeout = std::chrono::milliseconds(50);
  options.pause = std::chrono::minutes(10);
  const auto made = Make(options);
  RemoteEncoder& encoder = *made;
  // kFailuresBeforePause calls wait for the timeout; those after them do not ask at all.
  for (int i = 0; i < 20; ++i) ExpectOwn(Encode(encoder, "7"), "7");
  EXPECT_EQ(server.calls(), RemoteEncoder::kFailuresBeforePause);
}

TEST_F(RemoteEncoderTest, AfterAPauseTheServerIsAskedAgain) {
  FakeModelServer server;
  server.Answer({.error = grpc::Status(grpc::UNAVAILABLE, "starting")});
  RemoteEncoderOptions options = To(server);
  options.pause = std::chrono::milliseconds(20);
  const auto made = Make(options);
  RemoteEncoder& encoder = *made;
  for (int i = 0; i < 2 * RemoteEncoder::kFailuresBeforePause; ++i) {
    ExpectOwn(Encode(encoder, "7"), "7");
  }
  server.Answer({.fingerprint = "0123abcd", .embedding = {1, 2, 3, 4, 5, 6, 7, 8}});
  for (int i = 0; i < 1000 && Encode(encoder, "7").degraded; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // And it is back for good: one request, one call.
  const int before = server.calls();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(Encode(encoder, "7").degraded);
  EXPECT_EQ(server.calls(), before + 20);
}

TEST_F(RemoteEncoderTest, AServerThatIsNotThereIsFoundWhenItComes) {
  int port = 0;
  { port = FakeModelServer().port(); }
  const auto made = Make({.target = StrCat("127.0.0.1:", port),
                          .timeout = std::chrono::seconds(10),
                          .pause = std::chrono::milliseconds(20)});
  RemoteEncoder& encoder = *made;
  ExpectOwn(Encode(encoder, "7"), "7");
  FakeModelServer server(port);
  server.Answer({.fingerprint = "0123abcd", .embedding = {1, 2, 3, 4, 5, 6, 7, 8}});
  for (int i = 0; i < 2000 && Encode(encoder, "7").degraded; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(Encode(encoder, "7").degraded);
}

TEST_F(RemoteEncoderTest, ItsEndWaitsForTheCallsUnderWay) {
  FakeModelServer server;
  server.Answer({.fingerprint = "0123abcd",
                 .embedding = {1, 2, 3, 4, 5, 6, 7, 8},
                 .delay = std::chrono::milliseconds(50)});
  std::atomic<int> done = 0;
  {
    const auto made = Make(To(server));
    RemoteEncoder& encoder = *made;
    for (int i = 0; i < 8; ++i) encoder.Encode(bundle_, "7", [&](const EncodedQuery&) { ++done; });
  }
  EXPECT_EQ(done, 8);
}

}  // namespace
}  // namespace tandem::app
