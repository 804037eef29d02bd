#include "tandem/base/memory_env.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(MemoryEnvTest, StartsEmptyWithItsRoots) {
  const MemoryEnv env;
  EXPECT_TRUE(env.ListDirectory(".")->empty());
  EXPECT_TRUE(env.ListDirectory("/")->empty());
}

TEST(MemoryEnvTest, RelativeAndAbsolutePathsAreApart) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("a", "relative").ok());
  ASSERT_TRUE(env.WriteFile("/a", "absolute").ok());
  EXPECT_EQ(*env.ReadFile("./a"), "relative");
  EXPECT_EQ(*env.ReadFile("//a"), "absolute");
  EXPECT_EQ(env.ListDirectory(".")->size(), 1u);
  EXPECT_EQ(env.ListDirectory("/")->size(), 1u);
}

TEST(MemoryEnvTest, TheClockStandsUntilAdvanced) {
  MemoryEnv env;
  const int64_t seconds = env.UnixSeconds();
  const int64_t nanos = env.MonotonicNanos();
  EXPECT_EQ(env.UnixSeconds(), seconds);
  env.AdvanceSeconds(90);
  EXPECT_EQ(env.UnixSeconds(), seconds + 90);
  EXPECT_EQ(env.MonotonicNanos(), nanos + 90'000'000'000);
}

TEST(MemoryEnvTest, FailsFromTheNthChangeOnUntilToldToStop) {
  MemoryEnv env;
  env.FailFromChange(3);
  EXPECT_TRUE(env.CreateDirectory("d").ok());
  EXPECT_TRUE(env.CreateDirectory("d").ok());  // nothing to change, not counted
  EXPECT_TRUE(env.RemoveAll("none").ok());     // nor this
  EXPECT_TRUE(env.WriteFile("d/a", "1234").ok());
  EXPECT_EQ(env.Rename("d/a", "d/b").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(env.RemoveAll("d").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(env.CreateDirectory("e").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(*env.ReadFile("d/a"), "1234");  // reading goes on
  EXPECT_EQ(env.Stat("e").status().code(), StatusCode::kNotFound);
  env.FailFromChange(0);
  EXPECT_TRUE(env.Rename("d/a", "d/b").ok());
}

TEST(MemoryEnvTest, AFailingWriteLeavesHalfOfItsBytes) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("a", "old").ok());
  env.FailFromChange(1);
  EXPECT_FALSE(env.WriteFile("a", "12345678").ok());
  EXPECT_EQ(*env.ReadFile("a"), "1234");
}

// The changes are create, append, close and rename, and after a failure the removal of what was
// written, which this disk refuses, too.
TEST(MemoryEnvTest, WriteFileAtomicallyKeepsTheOldFileAtEveryFailingChange) {
  int n = 1;
  for (bool failed = true; failed; ++n) {
    ASSERT_LE(n, 10) << "never succeeds";
    MemoryEnv env;
    ASSERT_TRUE(env.WriteFile("a", "old bytes").ok());
    env.FailFromChange(n);
    const Status status = WriteFileAtomically(env, "a", "new bytes");
    failed = !status.ok();
    if (failed) {
      EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
    }
    EXPECT_EQ(*env.ReadFile("a"), failed ? "old bytes" : "new bytes") << "change " << n;

    // What a failure left behind does not keep the next attempt from succeeding.
    env.FailFromChange(0);
    EXPECT_TRUE(WriteFileAtomically(env, "a", "newer bytes").ok());
    EXPECT_EQ(*env.ReadFile("a"), "newer bytes");
    EXPECT_LE(env.ListDirectory(".")->size(), 2u);
  }
  EXPECT_EQ(n, 6);  // failed at changes 1 to 4, went through with 5
}

TEST(MemoryEnvTest, WriteFileAtomicallyNeverShowsAPartOfANewFile) {
  for (int n = 1; n <= 4; ++n) {
    MemoryEnv env;
    env.FailFromChange(n);
    EXPECT_FALSE(WriteFileAtomically(env, "a", "new bytes").ok());
    EXPECT_EQ(env.ReadFile("a").status().code(), StatusCode::kNotFound);
  }
}

}  // namespace
}  // namespace tandem
