#include "tandem/serving/versions/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tandem/base/memory_env.h"

namespace tandem::versions {
namespace {

using testing::ElementsAre;

class SourceTest : public testing::Test {
 protected:
  void Put(const std::string& path, const std::string& bytes = "x") {
    ASSERT_TRUE(env_.CreateDirectory(ParentPath(path)).ok());
    ASSERT_TRUE(env_.WriteFile(path, bytes).ok());
  }
  MemoryEnv env_;
};

TEST_F(SourceTest, NumericDirectoriesAreVersionsInTheOrderOfNumbers) {
  Put("/m/10/a");
  Put("/m/9/a");
  EXPECT_THAT(DirectorySource(env_, "/m/").List().value(),
              ElementsAre(FoundVersion{9, "/m/9"}, FoundVersion{10, "/m/10"}));
}

TEST_F(SourceTest, WhatIsNotANumberIsLeftAlone) {
  for (const char* name :
       {"17.tmp", "latest", "-1", "+1", "01", "1 ", "0x1", "9223372036854775808"}) {
    Put(std::string("/m/") + name + "/a");
  }
  Put("/m/3", "a file, not a directory");
  EXPECT_TRUE(DirectorySource(env_, "/m").List().value().empty());
  Put("/m/9223372036854775807/a");
  EXPECT_EQ(DirectorySource(env_, "/m").List().value().size(), 1U);
}

TEST_F(SourceTest, TheDirectoryOfOneVersionIsASourceOfOne) {
  Put("/m/17/manifest.json");
  EXPECT_THAT(DirectorySource(env_, "/m/17/").List().value(),
              ElementsAre(FoundVersion{17, "/m/17"}));
}

TEST_F(SourceTest, AnEmptyBasePathNamedByANumberHasNoVersionYet) {
  ASSERT_TRUE(env_.CreateDirectory("/m/17").ok());
  EXPECT_TRUE(DirectorySource(env_, "/m/17").List().value().empty());
}

TEST_F(SourceTest, AMissingBasePathIsAnErrorThatNamesIt) {
  const auto listed = DirectorySource(env_, "/none").List();
  EXPECT_EQ(listed.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(listed.status().message(), testing::HasSubstr("/none"));
}

TEST_F(SourceTest, TheFingerprintFollowsNamesSizesAndSmallContents) {
  const DirectorySource source(env_, "/m");
  const FoundVersion one{1, "/m/1"};
  Put("/m/1/a", "abc");
  Put("/m/1/sub/b", std::string(100'000, 'b'));
  const std::string first = source.Fingerprint(one).value();
  EXPECT_EQ(source.Fingerprint(one).value(), first);
  Put("/m/1/a", "abd");  // same size
  const std::string second = source.Fingerprint(one).value();
  EXPECT_NE(second, first);
  Put("/m/1/sub/b", std::string(100'001, 'b'));
  const std::string third = source.Fingerprint(one).value();
  EXPECT_NE(third, second);
  Put("/m/1/c", "");
  EXPECT_NE(source.Fingerprint(one).value(), third);
}

TEST(PosixSourceTest, ALargeFileThatIsRepairedInPlaceChangesTheFingerprint) {
  Env& env = Env::Posix();
  const std::string base = ::testing::TempDir() + "/tandem_source_test";
  ASSERT_TRUE(env.CreateDirectory(base + "/1").ok());
  const auto put = [&](char c) {
    ASSERT_TRUE(env.WriteFile(base + "/1/large", std::string(100'000, c)).ok());
  };
  put('a');
  const DirectorySource source(env, base);
  const FoundVersion one{1, base + "/1"};
  const std::string first = source.Fingerprint(one).value();
  EXPECT_EQ(source.Fingerprint(one).value(), first);
  // The clock of a file system may go in steps of a few milliseconds.
  for (int i = 0; i < 1000 && source.Fingerprint(one).value() == first; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    put('b');
  }
  EXPECT_NE(source.Fingerprint(one).value(), first);
  EXPECT_TRUE(env.RemoveAll(base).ok());
}

}  // namespace
}  // namespace tandem::versions
