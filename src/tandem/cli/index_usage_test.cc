// `tandem index` from outside where it is asked for what it cannot do: exit codes, messages, and
// what is at the paths then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/cli/program.h"
#include "tandem/format/npy.h"

namespace tandem::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // which want more memory than there is
#else
constexpr bool kSanitized = false;
#endif

class IndexUsageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "/tandem_index_usage_XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    WriteVectors("rows.npy", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    WriteVectors("queries.npy", {3, 2}, {1, 0, 0, 1, -1, 0});
    ASSERT_EQ(Run({"build", At("rows.npy"), "--out", At("i.index")}), 0) << said_;
  }
  void TearDown() override { EXPECT_TRUE(env_.RemoveAll(root_).ok()); }

  std::string At(std::string_view name) const { return JoinPath(root_, name); }
  void WriteVectors(std::string_view name, const std::vector<int64_t>& shape,
                    const std::vector<float>& values) {
    ASSERT_TRUE(env_.WriteFile(At(name), format::WriteNpy(shape, values).value()).ok());
  }
  // `tandem index ...`; what it says is told_ and, of errors, said_.
  int Run(const std::vector<std::string>& arguments) {
    std::vector<const char*> words = {"tandem", "index"};
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream err;
    const int code = RunProgram(static_cast<int>(words.size()), words.data(), out, err);
    told_ = out.str();
    said_ = err.str();
    EXPECT_EQ(std::count(said_.begin(), said_.end(), '\n'), code == 0 ? 0 : 1) << said_;
    return code;
  }
  int Build(std::vector<std::string> more) {
    more.insert(more.begin(), {"build", At("rows.npy"), "--out", At("new.index")});
    return Run(more);
  }
  int Search(std::vector<std::string> more) {
    more.insert(more.begin(), {"search", At("i.index"), "--queries", At("queries.npy"), "-k", "1"});
    return Run(more);
  }

  Env& env_ = Env::Posix();
  std::string root_;
  std::string told_;
  std::string said_;
};

TEST_F(IndexUsageTest, AChoiceThatIsNoneIsWrongUsageAndToldWithTheChoices) {
  EXPECT_EQ(Build({"--metric", "euclid"}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("--metric"), HasSubstr("'euclid'"),
                           HasSubstr("expected dot, cosine or l2")));
  EXPECT_EQ(Build({"--engine", "hnsw"}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("'hnsw'"), HasSubstr("expected exact, ivf or auto")));
  EXPECT_EQ(Build({"--rows", "int4"}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("'int4'"), HasSubstr("expected float or int8")));
  EXPECT_EQ(Run({"import-annoy", "a.ann", "--out", At("new.index"), "--metric", "cosine"}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("'cosine'"), HasSubstr("angular")));
  EXPECT_FALSE(env_.Stat(At("new.index")).ok());
}

TEST_F(IndexUsageTest, FlagsThatTheEngineHasNoUseForAreWrongUsage) {
  for (const char* flag : {"--threads", "--target-recall", "--sample-queries"}) {
    EXPECT_EQ(Build({flag, "0.5"}), 2) << flag;
    EXPECT_EQ(Run({"import-annoy", "a.ann", "--out", At("new.index"), flag, "4"}), 2) << flag;
  }
  EXPECT_EQ(Build({"--threads", "4"}), 2);
  EXPECT_THAT(said_, HasSubstr("--threads is for the engines ivf and auto; the engine is exact"));
  EXPECT_EQ(Build({"--engine", "ivf", "--rows", "int8"}), 2);
  EXPECT_EQ(Build({"--dimension", "65537"}), 2);
  EXPECT_THAT(said_, HasSubstr("1 to 65536"));
  EXPECT_FALSE(env_.Stat(At("new.index")).ok());
}

TEST_F(IndexUsageTest, AVerbThatIsNoneIsNamedAmongThoseThatThereAre) {
  EXPECT_EQ(Run({"frob"}), 2);
  EXPECT_THAT(said_, AllOf(HasSubstr("'frob'"), HasSubstr("tandem index: build, add, remove")));
  EXPECT_EQ(Run({}), 2);
  EXPECT_THAT(said_, HasSubstr("expected a verb of tandem index: build"));
  std::ostringstream err;
  const char* words[] = {"tandem", "frobnicate"};
  EXPECT_EQ(RunProgram(2, words, err, err), 2);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("'frobnicate'"), HasSubstr("train"), HasSubstr("index")));
  EXPECT_EQ(Run({"info"}), 2);
  EXPECT_THAT(said_, HasSubstr("index is required"));
}

TEST_F(IndexUsageTest, IdsAndScoresInOneFileAreRefused) {
  ASSERT_EQ(::symlink("x.npy", At("link").c_str()), 0);
  for (const char* scores : {"x.npy", "./x.npy", "link"}) {
    EXPECT_EQ(Search({"--out", At("x.npy"), "--scores", At(scores)}), 2) << scores;
    EXPECT_THAT(said_, AllOf(HasSubstr("--out and --scores"), HasSubstr("x.npy")));
    EXPECT_FALSE(env_.Stat(At("x.npy")).ok());
  }
  EXPECT_EQ(Run({"export-annoy", At("i.index"), "--out", At("x"), "--ids-out", At("x")}), 2);
  EXPECT_EQ(Search({"--out", At("x.npy"), "--scores", At("y.npy")}), 0) << said_;
}

TEST_F(IndexUsageTest, OutputToAPipeIsRefusedAndALinkStays) {
  ASSERT_EQ(::mkfifo(At("pipe.npy").c_str(), 0600), 0);
  EXPECT_EQ(Search({"--out", At("pipe.npy")}), 1);
  EXPECT_THAT(said_, HasSubstr("pipe.npy': is a device, pipe or socket"));
  EXPECT_EQ(Run({"build", At("rows.npy"), "--out", At("pipe.npy")}), 1);
  struct stat found = {};
  ASSERT_EQ(::stat(At("pipe.npy").c_str(), &found), 0);
  EXPECT_TRUE(S_ISFIFO(found.st_mode));
  ASSERT_EQ(::symlink("real.index", At("link").c_str()), 0);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(Run({"build", At("rows.npy"), "--out", At("link")}), 0) << said_;
    ASSERT_EQ(::lstat(At("link").c_str(), &found), 0);
    EXPECT_TRUE(S_ISLNK(found.st_mode));
    EXPECT_EQ(Run({"info", At("real.index")}), 0) << said_;
  }
}

TEST_F(IndexUsageTest, TheLastExclusionListMayBeEmptyAndWithoutAnEnd) {
  const auto excluding = [this](std::string_view lists) {
    EXPECT_TRUE(env_.WriteFile(At("lists.txt"), lists).ok());
    return Search({"--exclude", At("lists.txt")});
  };
  EXPECT_EQ(excluding("3\n3\n"), 0) << said_;  // "\n".join(["3", "3", ""])
  EXPECT_EQ(told_, "2\n2\n0\n");
  EXPECT_EQ(excluding("3\n3\n0\n"), 0) << said_;
  EXPECT_EQ(told_, "2\n2\n1\n");
  EXPECT_EQ(excluding("3\n3\n0"), 0) << said_;
  EXPECT_EQ(excluding("3\n3"), 1);  // the second has begun, a third has not
  EXPECT_THAT(said_, HasSubstr("each of 3 queries, got 2"));
  EXPECT_EQ(excluding("3\n"), 1);
  EXPECT_EQ(excluding(""), 1);
  EXPECT_EQ(excluding("\n\n\n\n"), 1);
  WriteVectors("queries.npy", {1, 2}, {1, 0});
  EXPECT_EQ(excluding(""), 0) << said_;
  EXPECT_EQ(told_, "3\n");
}

TEST_F(IndexUsageTest, AnArrayOfAnotherKindIsToldWithWhatToDo) {
  WriteVectors("rows.npy", {0, int64_t{1} << 40}, {});
  EXPECT_EQ(Build({}), 1);
  EXPECT_THAT(said_, AllOf(HasSubstr("rows.npy"), HasSubstr("at most 65536"),
                           HasSubstr("[0, 1099511627776]")));
  const std::vector<int64_t> shape = {4, 2};
  const std::vector<int64_t> numbers(8);
  ASSERT_TRUE(env_.WriteFile(At("rows.npy"), format::WriteNpy(shape, numbers).value()).ok());
  EXPECT_EQ(Build({}), 1);
  EXPECT_THAT(said_, AllOf(HasSubstr("'<i8'"), HasSubstr("save it as float32")));
}

TEST_F(IndexUsageTest, WhatDoesNotFitIntoMemoryIsOneLine) {
  if (kSanitized) GTEST_SKIP() << "needs a limit of memory";
  // 100,000 queries with a million answers each: 400 GB.
  WriteVectors("queries.npy", {100'000, 2}, std::vector<float>(200'000));
  const auto run = [this] {
    const rlimit limit = {rlim_t{4} << 30, rlim_t{4} << 30};
    ::setrlimit(RLIMIT_AS, &limit);
    const int code =
        Run({"search", At("i.index"), "--queries", At("queries.npy"), "-k", "1000000"});
    std::cerr << said_;
    ::_exit(code);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "tandem: out of memory");
}

}  // namespace
}  // namespace tandem::cli
