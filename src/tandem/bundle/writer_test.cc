#include "tandem/bundle/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"

namespace tandem::bundle {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(WriteNextVersion, IsOneMoreThanTheNewestWhateverElseIsThere) {
  MemoryEnv env;
  const Bundle bundle = testing::TinyBundle(1);
  EXPECT_EQ(WriteNextVersion(env, "a/base", bundle).value(), 1);
  ASSERT_TRUE(env.CreateDirectory("a/base/17").ok());
  ASSERT_TRUE(env.CreateDirectory("a/base/99.tmp").ok());
  ASSERT_TRUE(env.CreateDirectory("a/base/notes").ok());
  EXPECT_EQ(WriteNextVersion(env, "a/base", bundle).value(), 18);
}

TEST(WriteNextVersion, RemovesWhatACrashLeft) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectory("base/1.tmp").ok());
  ASSERT_TRUE(env.WriteFile("base/1.tmp/half a file", "half").ok());
  EXPECT_EQ(WriteNextVersion(env, "base", testing::TinyBundle(1)).value(), 1);
  EXPECT_FALSE(env.Stat("base/1.tmp").ok());
  EXPECT_FALSE(env.Stat("base/1/half a file").ok());
  EXPECT_TRUE(OpenVersion(env, "base/1").ok());
}

std::vector<std::string> NamesIn(const Env& env, const std::string& path) {
  std::vector<std::string> names;
  const auto entries = env.ListDirectory(path).value();
  for (const FileInfo& entry : entries) names.push_back(entry.name);
  return names;
}

TEST(RemoveOldVersions, LeavesTheNewestAndWhatIsNoVersion) {
  MemoryEnv env;
  const Bundle bundle = testing::TinyBundle(1);
  ASSERT_TRUE(env.CreateDirectory("base/8").ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(WriteNextVersion(env, "base", bundle).ok());  // 9 to 11
  for (const char* other : {"3.tmp", "12.tmp", "notes", "010", "notes.tmp"}) {
    ASSERT_TRUE(env.CreateDirectory(JoinPath("base", other)).ok());
  }
  EXPECT_EQ(RemoveOldVersions(env, "base", 5).value(), 0);
  EXPECT_EQ(RemoveOldVersions(env, "base", 2).value(), 2);
  EXPECT_THAT(NamesIn(env, "base"),
              UnorderedElementsAre("10", "11", "12.tmp", "notes", "010", "notes.tmp"));
  EXPECT_TRUE(OpenVersion(env, "base/10").ok());
  EXPECT_EQ(RemoveOldVersions(env, "base", 1).value(), 1);
  EXPECT_TRUE(OpenVersion(env, "base/11").ok());
}

TEST(RemoveOldVersions, RemovesNothingWhereTheNewestCannotBeOpened) {
  MemoryEnv env;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(WriteNextVersion(env, "base", testing::TinyBundle(1)).ok());
  }
  ASSERT_TRUE(env.WriteFile("base/2/model.safetensors", "damaged").ok());
  const auto removed = RemoveOldVersions(env, "base", 1);
  EXPECT_EQ(removed.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(NamesIn(env, "base"), ElementsAre("1", "2"));
  EXPECT_EQ(RemoveOldVersions(env, "none", 1).status().code(), StatusCode::kNotFound);
}

// At every change that it makes: what is a version by its name is whole, and the next call ends it.
TEST(RemoveOldVersions, CutShortLeavesWholeVersionsAndIsEndedByTheNext) {
  bool done = false;
  for (int change = 1; !done; ++change) {
    MemoryEnv env;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(WriteNextVersion(env, "base", testing::TinyBundle(1)).ok());
    }
    env.FailFromChange(change);
    done = RemoveOldVersions(env, "base", 1).ok();
    env.FailFromChange(0);
    const std::vector<int64_t> versions = ListVersions(env, "base").value();
    for (const int64_t version : versions) {
      EXPECT_TRUE(OpenVersion(env, JoinPath("base", std::to_string(version))).ok()) << change;
    }
    EXPECT_TRUE(RemoveOldVersions(env, "base", 1).ok());
    EXPECT_THAT(NamesIn(env, "base"), ElementsAre("3")) << change;
    ASSERT_LT(change, 100);
  }
}

TEST(CheckWritable, LeavesNothingBehind) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectory("base").ok());
  for (const char* path : {"base", "new", "new/and/deep", "base/deeper", "/elsewhere/base"}) {
    EXPECT_TRUE(CheckWritable(env, path).ok()) << path << " " << CheckWritable(env, path);
  }
  EXPECT_EQ(env.ListDirectory(".").value().size(), 1U);
  EXPECT_TRUE(env.ListDirectory("base").value().empty());
  EXPECT_TRUE(env.ListDirectory("/").value().empty());
}

TEST(CheckWritable, SaysWhatIsInTheWay) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("file", "").ok());
  EXPECT_EQ(CheckWritable(env, "file").code(), StatusCode::kFailedPrecondition);
  EXPECT_FALSE(CheckWritable(env, "file/base").ok());
  EXPECT_EQ(CheckWritable(env, "").code(), StatusCode::kInvalidArgument);
  env.FailFromChange(1);
  EXPECT_EQ(CheckWritable(env, "base").code(), StatusCode::kResourceExhausted);
  env.FailFromChange(2);
  EXPECT_EQ(CheckWritable(env, "base").code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace tandem::bundle
