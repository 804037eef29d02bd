// Several replicas on real gRPC servers: who is asked, and what an answer costs while they come,
// die, stand still, or hold another bundle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "tandem/base/thread_annotations.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/serving/app/remote_encoder.h"
#include "tandem/serving/app/testing/fake_model_server.h"

namespace tandem::app {
namespace {

using recommend::EncodedQuery;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAreArray;
using testing::FakeModelServer;
using ::testing::HasSubstr;
using ::testing::Le;

constexpr char kOurs[] = "0123abcd";
constexpr char kTheirs[] = "ffffffff";
const std::vector<float> kEmbedding = {1, 2, 3, 4, 5, 6, 7, 8};

class RemoteEncoderReplicasTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const bundle::Bundle> MakeBundle() {
    bundle::Bundle bundle = bundle::testing::TinyBundle(1);
    bundle.version = 1;
    bundle.fingerprint = kOurs;
    return std::make_shared<const bundle::Bundle>(std::move(bundle));
  }
  FakeModelServer& AddServer(const FakeModelServer::Answers& answers = {kOurs, kEmbedding}) {
    servers_.push_back(std::make_unique<FakeModelServer>());
    servers_.back()->Answer(answers);
    return *servers_.back();
  }
  // The name has the addresses of all servers from now on.
  void Publish() {
    MutexLock lock(mutex_);
    addresses_.clear();
    for (const auto& server : servers_) {
      addresses_.push_back(StrCat("ipv4:127.0.0.1:", server->port()));
    }
  }
  void Start(std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    Publish();
    StartAtPublished(timeout);
  }
  void StartAtPublished(std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    RemoteEncoderOptions options;
    options.timeout = timeout;
    options.resolve_interval = std::chrono::milliseconds(50);
    options.resolve = [this]() -> Result<std::vector<std::string>> {
      MutexLock lock(mutex_);
      return addresses_;
    };
    options.before_call = before_call_;
    encoder_ = RemoteEncoder::Create(options, registry_).value();
  }
  EncodedQuery Encode() {
    std::promise<EncodedQuery> answer;
    encoder_->Encode(bundle_, "7", [&](EncodedQuery query) { answer.set_value(std::move(query)); });
    return answer.get_future().get();
  }
  // Every answer must be a replica's, and of the bundle at hand.
  void EncodeWhole(int times) {
    for (int i = 0; i < times; ++i) {
      const EncodedQuery query = Encode();
      ASSERT_FALSE(query.degraded) << i;
      ASSERT_THAT(query.embedding, ElementsAreArray(kEmbedding)) << i;
    }
  }
  std::vector<int> Calls() const {
    std::vector<int> calls;
    for (const auto& server : servers_) calls.push_back(server->calls());
    return calls;
  }
  void EncodeUntilAllAreAsked() {
    const std::vector<int> before = Calls();
    for (int i = 0; i < 5000; ++i) {
      EncodeWhole(1);
      const std::vector<int> now = Calls();
      if (std::equal(now.begin(), now.end(), before.begin(), std::greater<>())) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "a replica is never asked";
  }
  // How many each got of `times` more.
  std::vector<int> Shares(int times) {
    std::vector<int> shares = Calls();
    EncodeWhole(times);
    const std::vector<int> now = Calls();
    for (size_t i = 0; i < shares.size(); ++i) shares[i] = now[i] - shares[i];
    return shares;
  }

  Mutex mutex_;
  std::vector<std::string> addresses_ TANDEM_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<FakeModelServer>> servers_;
  std::function<void()> before_call_;
  prometheus::Registry registry_;
  const std::shared_ptr<const bundle::Bundle> bundle_ = MakeBundle();
  std::unique_ptr<RemoteEncoder> encoder_;  // ends first
};

TEST_F(RemoteEncoderReplicasTest, AllAreAskedInTurn) {
  for (int i = 0; i < 3; ++i) AddServer();
  Start();
  EncodeUntilAllAreAsked();
  EXPECT_THAT(Shares(300), Each(100));
}

TEST_F(RemoteEncoderReplicasTest, ANewReplicaGetsItsShareOnceTheNameHasIt) {
  AddServer();
  Start();
  EncodeWhole(10);
  AddServer();
  Publish();
  EncodeUntilAllAreAsked();
  EXPECT_THAT(Shares(200), Each(100));
}

TEST_F(RemoteEncoderReplicasTest, AReplicaThatTheNameLostIsNotAsked) {
  AddServer();
  AddServer();
  Start();
  EncodeUntilAllAreAsked();
  const std::unique_ptr<FakeModelServer> gone = std::move(servers_.back());
  servers_.pop_back();
  Publish();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const int before = gone->calls();
  EncodeWhole(20);
  EXPECT_EQ(gone->calls(), before);
}

TEST_F(RemoteEncoderReplicasTest, ANameThatDoesNotResolveAnyMoreCostsNothing) {
  AddServer();
  Start();
  EncodeWhole(1);
  {
    MutexLock lock(mutex_);
    addresses_.clear();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EncodeWhole(20);
}

TEST_F(RemoteEncoderReplicasTest, AReplicaThatDiesUnderLoadCostsNoAnswer) {
  for (int i = 0; i < 3; ++i) AddServer({kOurs, kEmbedding, std::chrono::milliseconds(2)});
  Start();
  EncodeUntilAllAreAsked();
  std::atomic<int> degraded = 0;
  std::atomic<int> answered = 0;
  {
    std::atomic<bool> done = false;
    std::vector<std::jthread> load;
    for (int t = 0; t < 8; ++t) {
      load.emplace_back([&] {
        while (!done) {
          if (Encode().degraded) ++degraded;
          ++answered;
        }
      });
    }
    while (answered < 200) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    servers_.erase(servers_.begin() + 1);  // the name still has it
    const int before = answered;
    while (answered < before + 500) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    done = true;
  }
  EXPECT_EQ(degraded, 0);
}

TEST_F(RemoteEncoderReplicasTest, TwoBundlesOfOneVersionAreNeverMixedNorIsAnAnswerDegraded) {
  AddServer();
  const FakeModelServer& knows_us =
      AddServer({.error = grpc::Status(grpc::FAILED_PRECONDITION, "another bundle")});
  const FakeModelServer& answers_all = AddServer({kTheirs, {8, 7, 6, 5, 4, 3, 2, 1}});
  Start();
  EncodeUntilAllAreAsked();
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<int> shares = Shares(500);
  EXPECT_EQ(shares[0], 500);
  // Those of another bundle are looked at ten times a second at most.
  const auto looks =
      (std::chrono::steady_clock::now() - begin) / std::chrono::milliseconds(100) + 1;
  EXPECT_THAT(shares[1], Le(looks)) << knows_us.calls();
  EXPECT_THAT(shares[2], Le(looks)) << answers_all.calls();
}

TEST_F(RemoteEncoderReplicasTest, TheOneWithTheRightBundleIsFoundAmongManyByTheFirstRequest) {
  for (int i = 0; i < 4; ++i) {
    AddServer({.error = grpc::Status(grpc::FAILED_PRECONDITION, "another bundle")});
  }
  AddServer();
  Start();
  EncodeWhole(20);
}

TEST_F(RemoteEncoderReplicasTest, WhetherABundleIsServedOrAnotherOrNobodyAnswersIsToldApart) {
  using Presence = RemoteEncoder::Presence;
  FakeModelServer& server = AddServer();
  Start();
  EXPECT_EQ(encoder_->Find(bundle_), Presence::kServed);
  server.Answer({kTheirs, kEmbedding});
  EXPECT_EQ(encoder_->Find(bundle_), Presence::kOtherBundle);
  server.Answer({.error = grpc::Status(grpc::NOT_FOUND, "no such version")});
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // is asked for it again
  EXPECT_EQ(encoder_->Find(bundle_), Presence::kOtherBundle);
  server.Answer({.error = grpc::Status(grpc::UNAVAILABLE, "away")});
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  EXPECT_EQ(encoder_->Find(bundle_), Presence::kNoAnswer);
}

// Whichever of the two is asked last.
TEST_F(RemoteEncoderReplicasTest, AReplicaThatIsGoneDoesNotHideThatAnotherHasAnotherBundle) {
  for (const size_t gone : {size_t{0}, size_t{1}}) {
    servers_.clear();
    for (int i = 0; i < 2; ++i) AddServer({kTheirs, kEmbedding});
    Publish();
    servers_[gone].reset();  // the name still has it
    StartAtPublished();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(encoder_->Find(bundle_), RemoteEncoder::Presence::kOtherBundle) << gone << i;
      std::this_thread::sleep_for(std::chrono::milliseconds(150));  // is asked for it again
    }
    encoder_.reset();
  }
}

TEST_F(RemoteEncoderReplicasTest, AReplicaThatGetsTheRightBundleIsFoundSoon) {
  FakeModelServer& server =
      AddServer({.error = grpc::Status(grpc::FAILED_PRECONDITION, "another bundle")});
  Start();
  EXPECT_TRUE(Encode().degraded);
  EXPECT_NE(encoder_->Find(bundle_), RemoteEncoder::Presence::kServed);
  server.Answer({kOurs, kEmbedding});
  for (int i = 0; i < 5000 && encoder_->Find(bundle_) != RemoteEncoder::Presence::kServed; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EncodeWhole(20);
}

// The silent one is given two fifths of the time, here 800 ms of 2 s.
TEST_F(RemoteEncoderReplicasTest, ASilentReplicaIsLeftBeforeTheDeadlineAndThenAlone) {
  AddServer();
  AddServer();
  Start(std::chrono::seconds(2));
  EncodeUntilAllAreAsked();
  FakeModelServer& silent = *servers_[0];
  silent.Answer({kOurs, kEmbedding, std::chrono::seconds(30)});
  const int before = silent.calls();
  EncodeWhole(100);
  EXPECT_EQ(silent.calls(), before + 1) << "one call was enough to know it";
  silent.Answer({kOurs, kEmbedding});
  EncodeUntilAllAreAsked();
  EXPECT_THAT(Shares(100), Each(50)) << "it is well again";
}

// A moment in which nothing runs lets every call that is under way fail; it is no reason to leave
// the server alone.
TEST_F(RemoteEncoderReplicasTest, CallsThatFailTogetherAreOneFailure) {
  FakeModelServer& server = AddServer();
  Start(std::chrono::milliseconds(500));
  EncodeWhole(1);
  server.Answer({kOurs, kEmbedding, std::chrono::seconds(30)});
  std::atomic<int> degraded = 0;
  std::atomic<int> answered = 0;
  constexpr int kCalls = 4 * RemoteEncoder::kFailuresBeforePause;
  for (int i = 0; i < kCalls; ++i) {
    encoder_->Encode(bundle_, "7", [&](const EncodedQuery& query) {
      if (query.degraded) ++degraded;
      ++answered;
    });
  }
  while (answered < kCalls) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(degraded, kCalls);
  server.Answer({kOurs, kEmbedding});
  EncodeWhole(1);
}

TEST_F(RemoteEncoderReplicasTest, AnErrorThatIsTheQuerysOwnIsTriedTwiceAndNoMore) {
  for (int i = 0; i < 4; ++i) AddServer({.error = grpc::Status(grpc::INTERNAL, "no")});
  Start();
  EXPECT_TRUE(Encode().degraded);
  int calls = 0;
  for (const int one : Calls()) calls += one;
  EXPECT_EQ(calls, 2);
}

// The first is silent for two fifths of the time, here 4 s, and is joined by the second; both fail
// at about 5 s. One failure leads to a call of the third, and the other one comes while that call
// is not made yet.
TEST_F(RemoteEncoderReplicasTest, WhereTwoCallsFailAtOnceTheThirdReplicaAnswers) {
  std::atomic<int> begun = 1000;  // counted from 0 once all are connected
  before_call_ = [&] {
    if (++begun != 3) return;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    const auto both_failed = [&] {
      const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
      return text.find("calls_total{code=\"INTERNAL\"} 2\n") != std::string::npos;
    };
    while (!both_failed() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // they are counted first
  };
  for (int i = 0; i < 3; ++i) AddServer();
  Start(std::chrono::seconds(10));
  EncodeUntilAllAreAsked();
  const std::vector<int> last = Shares(1);
  const auto third = static_cast<size_t>(std::find(last.begin(), last.end(), 1) - last.begin());
  const grpc::Status error(grpc::INTERNAL, "no");
  servers_.at((third + 1) % 3)->Answer({.delay = std::chrono::seconds(5), .error = error});
  servers_.at((third + 2) % 3)->Answer({.delay = std::chrono::seconds(1), .error = error});
  begun = 0;
  EncodeWhole(1);
  EXPECT_EQ(begun, 3);
}

TEST_F(RemoteEncoderReplicasTest, MetricsTellCallsRetriesAndReplicas) {
  AddServer({.error = grpc::Status(grpc::RESOURCE_EXHAUSTED, "full")});
  AddServer();
  Start();
  EncodeUntilAllAreAsked();
  EXPECT_THAT(prometheus::TextSerializer().Serialize(registry_.Collect()),
              AllOf(HasSubstr("tandem_model_server_calls_total{code=\"RESOURCE_EXHAUSTED\"} 1\n"),
                    HasSubstr("tandem_model_server_calls_total{code=\"OK\"}"),
                    HasSubstr("tandem_model_server_retries_total 1\n"),
                    HasSubstr("tandem_model_server_replicas 2\n")));
}

}  // namespace
}  // namespace tandem::app
