#include "tandem/serving/versions/policy.h"

#include <gtest/gtest.h>

namespace tandem::versions {
namespace {

using enum State;

TEST(PolicyTest, TheNewestTwoAreLoadedNewestFirst) {
  EXPECT_EQ(Decide({}, {1, 5, 3}, {}), (Actions{{5, 3}, {}}));
  EXPECT_EQ(Decide({.keep = 1}, {1, 5, 3}, {}), (Actions{{5}, {}}));
}

TEST(PolicyTest, NothingIsLetGoWhileANewVersionIsStillToBeLoaded) {
  EXPECT_EQ(Decide({}, {1, 2, 3}, {{1, kAvailable}, {2, kAvailable}}), (Actions{{3}, {}}));
  EXPECT_EQ(Decide({}, {1, 2, 3}, {{1, kAvailable}, {2, kAvailable}, {3, kAvailable}}),
            (Actions{{}, {1}}));
}

TEST(PolicyTest, ARefusedVersionDoesNotPushAGoodOneOut) {
  EXPECT_EQ(Decide({}, {1, 2, 3}, {{1, kAvailable}, {2, kAvailable}, {3, kEnd, true}}),
            (Actions{{}, {}}));
}

TEST(PolicyTest, TheLastAvailableVersionStaysWhenEveryDirectoryIsGone) {
  EXPECT_EQ(Decide({}, {}, {{7, kAvailable}}), (Actions{{}, {}}));
  EXPECT_EQ(Decide({}, {8}, {{7, kAvailable}, {8, kEnd, true}}), (Actions{{}, {}}));
}

TEST(PolicyTest, AVersionWhoseDirectoryIsGoneIsLetGoWhenAnotherServes) {
  EXPECT_EQ(Decide({}, {7}, {{7, kAvailable}, {8, kAvailable}}), (Actions{{}, {8}}));
}

TEST(PolicyTest, AVersionThatEndedIsLoadedAgainWhenTheNewerOnesGo) {
  EXPECT_EQ(Decide({.keep = 1}, {1}, {{1, kEnd}, {2, kAvailable}}), (Actions{{1}, {}}));
}

TEST(PolicyTest, KeepingNoneMeansKeepingOne) {
  EXPECT_EQ(Decide({.keep = 0}, {1, 2}, {}), (Actions{{2}, {}}));
}

// Every set of 4 found versions against every assignment of {absent, available, refused}:
// following the advice never ends with nothing available where something was.
TEST(PolicyTest, FollowedToItsEndItNeverLosesAvailability) {
  for (int found_bits = 0; found_bits < 16; ++found_bits) {
    for (int states = 0; states < 81; ++states) {
      std::vector<int64_t> found;
      std::vector<Had> had;
      bool was_available = false;
      for (int v = 0, rest = states; v < 4; ++v, rest /= 3) {
        if ((found_bits >> v & 1) != 0) found.push_back(v);
        if (rest % 3 == 1) had.push_back({v, kAvailable, false});
        if (rest % 3 == 2) had.push_back({v, kEnd, true});
        was_available |= rest % 3 == 1;
      }
      const Actions actions = Decide({}, found, had);
      size_t available = 0;
      for (const Had& one : had) available += one.state == kAvailable ? 1U : 0U;
      ASSERT_LE(actions.unload.size(), available);
      if (was_available) {
        EXPECT_LT(actions.unload.size(), available) << found_bits << ' ' << states;
      }
      if (!actions.load.empty()) {
        EXPECT_TRUE(actions.unload.empty());
      }
    }
  }
}

TEST(PolicyTest, StatesHaveTheNamesOfTheWire) {
  EXPECT_EQ(StateName(kStart), "START");
  EXPECT_EQ(StateName(kLoading), "LOADING");
  EXPECT_EQ(StateName(kAvailable), "AVAILABLE");
  EXPECT_EQ(StateName(kUnloading), "UNLOADING");
  EXPECT_EQ(StateName(kEnd), "END");
}

}  // namespace
}  // namespace tandem::versions
