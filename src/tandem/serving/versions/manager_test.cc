#include "tandem/serving/versions/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>

#include "tandem/base/memory_env.h"

namespace tandem::versions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A model that counts how many of its kind are alive.
struct Model {
  Model(std::string t, std::atomic<int>& count) : text(std::move(t)), alive(count) { ++alive; }
  ~Model() { --alive; }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  std::string text;
  std::atomic<int>& alive;
};

// Reads the file "text" of the version; "bad" is refused.
class TextLoader final : public Loader<Model> {
 public:
  TextLoader(const Env& env, std::atomic<int>& alive, std::atomic<int>& loads)
      : env_(env), alive_(alive), loads_(loads) {}
  Result<std::shared_ptr<const Model>> Load(const std::string& path, int64_t) override {
    ++loads_;
    TANDEM_ASSIGN_OR_RETURN(auto text, env_.ReadFile(JoinPath(path, "text"), 100));
    if (text == "bad") return DataLossError(path, ": bad");
    return std::shared_ptr<const Model>(std::make_shared<Model>(std::move(text), alive_));
  }

 private:
  const Env& env_;
  std::atomic<int>& alive_;
  std::atomic<int>& loads_;
};

class Events final : public Observer {
 public:
  void OnAvailable(int64_t version) override { log.push_back(StrCat("+", version)); }
  void OnRefused(int64_t version, const Status&) override { log.push_back(StrCat("!", version)); }
  void OnUnloaded(int64_t version) override { log.push_back(StrCat("-", version)); }
  void OnSourceError(const Status& why) override { log.push_back(why.ToString()); }
  std::vector<std::string> log;
};

class ManagerTest : public testing::Test {
 protected:
  void Put(int version, const std::string& text) {
    const std::string directory = StrCat("/m/", version);
    ASSERT_TRUE(env_.CreateDirectory(directory).ok());
    ASSERT_TRUE(env_.WriteFile(directory + "/text", text).ok());
  }
  std::string TextOf(std::optional<int64_t> version = std::nullopt) {
    const auto handle = manager_->Get(version);
    return handle.ok() ? (*handle)->text : handle.status().ToString();
  }
  std::string States() {
    std::string all;
    for (const auto& one : manager_->Statuses()) {
      all += StrCat(one.version, ' ', StateName(one.state), one.error.ok() ? "" : "!", ' ');
    }
    return all;
  }

  MemoryEnv env_;
  Events events_;
  std::atomic<int> alive_ = 0;
  std::atomic<int> loads_ = 0;
  std::unique_ptr<Manager<Model>> manager_ = std::make_unique<Manager<Model>>(
      Policy{}, std::make_unique<DirectorySource>(env_, "/m"),
      std::make_unique<TextLoader>(env_, alive_, loads_), &events_);
};

TEST_F(ManagerTest, TheNewestVersionAnswersAndTheOneBeforeCanBeNamed) {
  Put(1, "one");
  Put(2, "two");
  Put(3, "three");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(TextOf(), "three");
  EXPECT_EQ(TextOf(2), "two");
  EXPECT_EQ(TextOf(1), "NOT_FOUND: version 1 is not available; available: 3, 2");
  EXPECT_THAT(events_.log, ElementsAre("+3", "+2"));
}

TEST_F(ManagerTest, BeforeTheFirstVersionItIsUnavailable) {
  EXPECT_THAT(TextOf(), HasSubstr("UNAVAILABLE"));
  EXPECT_EQ(manager_->Poll().code(), StatusCode::kNotFound);
  EXPECT_EQ(manager_->Poll().code(), StatusCode::kNotFound);
  EXPECT_EQ(events_.log.size(), 1U) << "the same trouble is told once";
  Put(1, "one");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(TextOf(), "one");
}

TEST_F(ManagerTest, WhyNothingIsServedIsToldUntilAGoodVersionComes) {
  EXPECT_EQ(manager_->CheckSource().code(), StatusCode::kNotFound);
  EXPECT_EQ(manager_->Newest().status(), UnavailableError("no version is available yet"));
  ASSERT_TRUE(env_.CreateDirectory("/m").ok());
  EXPECT_TRUE(manager_->CheckSource().ok());
  const Status none = NotFoundError("/m holds no version: expected a directory named 1, 2, ...");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(manager_->Newest().status(), none);
  Put(1, "bad");
  Put(2, "bad");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(manager_->Newest().status(), DataLossError("version 2 is refused: /m/2: bad"));
  Put(3, "three");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(manager_->Newest().value(), 3);
  EXPECT_THAT(events_.log, ElementsAre(none.ToString(), "!2", "!1", "+3"));
}

TEST_F(ManagerTest, WhileTheFirstVersionIsLoadedNewestSaysSo) {
  Put(1, "one");
  Status during;
  Manager<Model> manager(
      Policy{}, std::make_unique<DirectorySource>(env_, "/m"),
      std::make_unique<FunctionLoader<Model>>([&](const std::string&, int64_t) {
        during = manager.Newest().status();
        return Result<std::shared_ptr<const Model>>(std::make_shared<Model>("one", alive_));
      }),
      nullptr);
  ASSERT_TRUE(manager.Poll().ok());
  EXPECT_EQ(during, UnavailableError("version 1 is being loaded"));
  EXPECT_EQ(manager.Newest().value(), 1);
}

TEST_F(ManagerTest, ASwapLoadsFirstAndLetsTheOldestGoAfter) {
  Put(1, "one");
  Put(2, "two");
  ASSERT_TRUE(manager_->Poll().ok());
  Put(3, "three");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_THAT(events_.log, ElementsAre("+2", "+1", "+3", "-1"));
  EXPECT_EQ(TextOf(), "three");
  EXPECT_EQ(alive_, 2);
  EXPECT_EQ(States(), "3 AVAILABLE 2 AVAILABLE 1 END ");
}

TEST_F(ManagerTest, AHandleKeepsItsVersionAliveUntilItIsDropped) {
  Put(1, "one");
  ASSERT_TRUE(manager_->Poll().ok());
  auto held = std::make_unique<Handle<Model>>(manager_->Get().value());
  Put(2, "two");
  Put(3, "three");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ((*held)->text, "one");
  EXPECT_EQ(held->version(), 1);
  EXPECT_EQ(alive_, 3);
  EXPECT_EQ(States(), "3 AVAILABLE 2 AVAILABLE 1 UNLOADING ");
  held.reset();
  EXPECT_EQ(alive_, 2);
  EXPECT_EQ(States(), "3 AVAILABLE 2 AVAILABLE 1 END ");
}

TEST_F(ManagerTest, AHandleOutlivesTheManager) {
  Put(1, "one");
  ASSERT_TRUE(manager_->Poll().ok());
  auto held = std::make_unique<Handle<Model>>(manager_->Get().value());
  manager_.reset();
  EXPECT_EQ((*held)->text, "one");
  held.reset();
  EXPECT_EQ(alive_, 0);
}

TEST_F(ManagerTest, ABadVersionIsRefusedOnceAndTheOldOneServesOn) {
  Put(1, "one");
  ASSERT_TRUE(manager_->Poll().ok());
  Put(2, "bad");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(loads_, 2);
  EXPECT_EQ(TextOf(), "one");
  EXPECT_EQ(States(), "2 END! 1 AVAILABLE ");
  EXPECT_THAT(manager_->Statuses()[0].error.message(), HasSubstr("/m/2: bad"));
  EXPECT_THAT(events_.log, ElementsAre("+1", "!2"));
}

TEST_F(ManagerTest, ARefusedVersionIsTriedAgainWhenItsDirectoryChanges) {
  Put(1, "one");
  Put(2, "bad");
  ASSERT_TRUE(manager_->Poll().ok());
  Put(2, "two");
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(TextOf(), "two");
  EXPECT_EQ(States(), "2 AVAILABLE 1 AVAILABLE ");
  EXPECT_EQ(loads_, 3);
}

class RetryTest : public ManagerTest {
 protected:
  // Answers `error_` as long as there is one.
  void Make(std::chrono::milliseconds first) {
    Put(1, "one");
    manager_ = std::make_unique<Manager<Model>>(
        Policy{.retry_first = first, .retry_longest = std::chrono::hours(1)},
        std::make_unique<DirectorySource>(env_, "/m"),
        std::make_unique<FunctionLoader<Model>>([this](const std::string&, int64_t) {
          ++loads_;
          if (!error_.ok()) return Result<std::shared_ptr<const Model>>(error_);
          return Result<std::shared_ptr<const Model>>(std::make_shared<Model>("one", alive_));
        }),
        &events_);
  }
  void Poll() { ASSERT_TRUE(manager_->Poll().ok()); }

  Status error_ = UnavailableError("read: input/output error");
};

TEST_F(RetryTest, AnErrorThatIsNotOfTheContentsIsTriedAgainAndToldOnce) {
  Make(std::chrono::milliseconds(0));
  for (int i = 1; i <= 5; ++i) {
    Poll();
    EXPECT_EQ(loads_, i);
    EXPECT_EQ(States(), "1 END! ");
  }
  EXPECT_THAT(events_.log, ElementsAre("!1"));
  error_ = PermissionDeniedError("read");
  Poll();
  Poll();
  EXPECT_THAT(events_.log, ElementsAre("!1", "!1")) << "another error is told";
  error_ = Status();
  Poll();
  Poll();
  EXPECT_EQ(TextOf(), "one");
  EXPECT_EQ(loads_, 8);
  EXPECT_THAT(events_.log, ElementsAre("!1", "!1", "+1"));
}

TEST_F(RetryTest, AnErrorOfTheContentsIsNotTriedAgain) {
  for (const Status& error : {DataLossError("bad"), InvalidArgumentError("bad"),
                              FailedPreconditionError("schema version 9")}) {
    error_ = error;
    loads_ = 0;
    Make(std::chrono::milliseconds(0));
    for (int i = 0; i < 5; ++i) Poll();
    EXPECT_EQ(loads_, 1);
  }
}

TEST_F(RetryTest, ThePauseBetweenTriesDoubles) {
  Make(std::chrono::milliseconds(20));
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::steady_clock::now() - begin; };
  for (Poll(); loads_ < 4;) Poll();
  EXPECT_GE(passed(), std::chrono::milliseconds(20 + 40 + 80));
  Make(std::chrono::hours(1));
  loads_ = 0;
  for (int i = 0; i < 5; ++i) Poll();
  EXPECT_EQ(loads_, 1);
  Put(1, "changed");
  Poll();
  EXPECT_EQ(loads_, 2) << "a change does not wait";
}

TEST_F(RetryTest, ARefusalIsForgottenWithItsDirectoryAlsoWhereNewerVersionsAreLoaded) {
  Make(std::chrono::milliseconds(0));
  Poll();
  error_ = Status();
  Put(2, "two");
  Put(3, "three");
  Poll();
  EXPECT_THAT(events_.log, ElementsAre("!1", "+3", "+2"));
  EXPECT_EQ(States(), "3 AVAILABLE 2 AVAILABLE ");
  for (const char* gone : {"/m/1", "/m/2", "/m/3"}) ASSERT_TRUE(env_.RemoveAll(gone).ok());
  Poll();
  error_ = UnavailableError("read: input/output error");
  Put(1, "one");
  Poll();
  EXPECT_THAT(events_.log, ElementsAre("!1", "+3", "+2", "!1")) << "another one of that number";
}

TEST_F(ManagerTest, ARefusedVersionIsForgottenWithItsDirectory) {
  Put(1, "one");
  Put(2, "bad");
  ASSERT_TRUE(manager_->Poll().ok());
  ASSERT_TRUE(env_.RemoveAll("/m/2").ok());
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(States(), "1 AVAILABLE ");
}

TEST_F(ManagerTest, WhenEveryDirectoryGoesTheLoadedVersionServesOn) {
  Put(1, "one");
  ASSERT_TRUE(manager_->Poll().ok());
  ASSERT_TRUE(env_.RemoveAll("/m/1").ok());
  ASSERT_TRUE(manager_->Poll().ok());
  EXPECT_EQ(TextOf(), "one");
}

TEST_F(ManagerTest, TheOwnThreadFindsNewVersionsAndStops) {
  Put(1, "one");
  manager_->Start(std::chrono::milliseconds(1));
  while (!manager_->Get().ok()) std::this_thread::yield();
  Put(2, "two");
  while (manager_->Get()->version() != 2) std::this_thread::yield();
  manager_->Stop();
  EXPECT_EQ(TextOf(), "two");
}

TEST_F(ManagerTest, AStopDoesNotHaveToWaitForALoad) {
  Put(1, "one");
  std::promise<void> release;
  std::promise<void> loading;
  {
    Manager<Model> manager(
        Policy{}, std::make_unique<DirectorySource>(env_, "/m"),
        std::make_unique<FunctionLoader<Model>>([&](const std::string&, int64_t) {
          loading.set_value();
          release.get_future().wait();
          return Result<std::shared_ptr<const Model>>(std::make_shared<Model>("one", alive_));
        }),
        nullptr);
    EXPECT_TRUE(manager.StopWithin(std::chrono::milliseconds(0))) << "not started";
    manager.Start(std::chrono::hours(1));
    loading.get_future().wait();
    EXPECT_FALSE(manager.StopWithin(std::chrono::milliseconds(1)));
    release.set_value();
    EXPECT_TRUE(manager.StopWithin(std::chrono::minutes(1)));
  }
}

TEST_F(ManagerTest, ReadersDuringSwapsAlwaysSeeAWholeVersionThatNeverGoesBack) {
  Put(1, "1");
  ASSERT_TRUE(manager_->Poll().ok());
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        int64_t last = 0;
        while (!done) {
          const auto handle = manager_->Get();
          if (!handle.ok() || (*handle)->text != std::to_string(handle->version()) ||
              handle->version() < last) {
            ++wrong;
            return;
          }
          last = handle->version();
          static_cast<void>(manager_->Statuses());
        }
      });
    }
    for (int version = 2; version <= 60; ++version) {
      Put(version, std::to_string(version));
      EXPECT_TRUE(manager_->Poll().ok());
    }
    done = true;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(alive_, 2);
  EXPECT_EQ(TextOf(), "60");
}

}  // namespace
}  // namespace tandem::versions
