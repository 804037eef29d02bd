#include "tandem/serving/app/address_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace tandem::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Found = Result<std::vector<std::string>>;

TEST(SystemResolverTest, FindsTheAddressesOfAName) {
  EXPECT_THAT(SystemResolver("127.0.0.1:8500").value()().value(),
              ElementsAre("ipv4:127.0.0.1:8500"));
  EXPECT_THAT(SystemResolver("localhost:1").value()().value(), Contains("ipv4:127.0.0.1:1"));
  const Found none = SystemResolver("no-such-host.invalid:8500").value()();
  EXPECT_EQ(none.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(none.status().message(), HasSubstr("no-such-host.invalid"));
}

TEST(SystemResolverTest, RefusesWhatIsNoHostAndPort) {
  for (const char* target : {"", "host", "host:", ":8500", "host:0", "host:65536", "host:85x",
                             "::1:8500", "dns:///host:8500", "http://host:8500"}) {
    const Status status = SystemResolver(target).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << target;
    EXPECT_THAT(status.message(), HasSubstr(StrCat("'", target, "' is no HOST:PORT")));
  }
  EXPECT_TRUE(SystemResolver("[::1]:8500").ok());
}

TEST(AddressWatchTest, TheFirstAnswerIsThereWhenItIsMade) {
  std::atomic<int> told = 0;
  const AddressWatch watch([] { return Found(std::vector<std::string>{"a"}); },
                           std::chrono::hours(1), [&](const Found&) { ++told; });
  EXPECT_EQ(told, 1);
}

TEST(AddressWatchTest, LooksAgainEveryIntervalAndSoonerWhenAsked) {
  std::atomic<int> looks = 0;
  const auto look = [&looks] {
    ++looks;
    return Found(UnavailableError("no"));
  };
  {
    const AddressWatch watch(look, std::chrono::milliseconds(1), [](const Found&) {});
    while (looks < 5) std::this_thread::yield();
  }
  looks = 0;
  AddressWatch watch(look, std::chrono::hours(1), [](const Found&) {});
  watch.Refresh();
  while (looks < 2) std::this_thread::yield();
}

TEST(AddressWatchTest, ItsEndDoesNotWaitForALookUpThatHangs) {
  const auto release = std::make_shared<std::promise<void>>();
  const auto released = std::make_shared<std::shared_future<void>>(release->get_future());
  std::atomic<int> told = 0;
  {
    const AddressWatch watch(
        [released] {
          released->wait();
          return Found(std::vector<std::string>{"late"});
        },
        std::chrono::hours(1), [&](const Found&) { ++told; });
  }
  release->set_value();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace tandem::app
