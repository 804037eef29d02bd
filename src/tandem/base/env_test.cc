// One set of rules for every Env, run on the one of this machine (in a new directory) and on the
// one in memory.
#include "tandem/base/env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "tandem/base/memory_env.h"
#include "tandem/base/testing/every_env.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EnvTest : public testing::EveryEnv {
 protected:
  void Write(std::string_view name, std::string_view bytes) {
    const Status status = env().WriteFile(At(name), bytes);
    ASSERT_TRUE(status.ok()) << status;
  }
  void MakeDirectory(std::string_view name) {
    const Status status = env().CreateDirectory(At(name));
    ASSERT_TRUE(status.ok()) << status;
  }
  std::string Read(std::string_view name) {
    const Result<std::string> bytes = env().ReadFile(At(name));
    return bytes.ok() ? *bytes : bytes.status().ToString();
  }
  StatusCode StatCode(std::string_view name) { return env().Stat(At(name)).status().code(); }
  std::vector<std::string> Names(std::string_view name) {
    const Result<std::vector<FileInfo>> infos = env().ListDirectory(At(name));
    EXPECT_TRUE(infos.ok()) << infos.status();
    std::vector<std::string> names;
    if (infos.ok()) {
      for (const FileInfo& info : *infos) names.push_back(info.name);
    }
    return names;
  }
};
TANDEM_FOR_EVERY_ENV(EnvTest);

TEST_P(EnvTest, ReadsBackWhatWasWritten) {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  const std::string large(3'000'001, 'x');
  for (const std::string& bytes : {std::string(), all_bytes, large}) {
    Write("a", bytes);
    EXPECT_EQ(Read("a"), bytes);
    EXPECT_EQ(env().Stat(At("a"))->bytes, bytes.size());
  }
}

TEST_P(EnvTest, WritingAgainReplacesEvenWhatWasLonger) {
  Write("a", "a long text");
  Write("a", "short");
  EXPECT_EQ(Read("a"), "short");
}

TEST_P(EnvTest, ReadingStopsAtTheLimit) {
  Write("a", "12345");
  EXPECT_EQ(*env().ReadFile(At("a"), 5), "12345");
  const Status status = env().ReadFile(At("a"), 4).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr(At("a")));
  EXPECT_THAT(status.message(), HasSubstr("limit of 4 bytes"));
  Write("empty", "");
  EXPECT_EQ(*env().ReadFile(At("empty"), 0), "");
}

TEST_P(EnvTest, WhereNothingIsTheErrorIsNotFoundAndNamesThePath) {
  const Status status = env().ReadFile(At("none")).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(At("none")));
  EXPECT_EQ(StatCode("none"), StatusCode::kNotFound);
  EXPECT_EQ(env().ListDirectory(At("none")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(env().WriteFile(At("none/a"), "x").code(), StatusCode::kNotFound);
  EXPECT_EQ(env().Rename(At("none"), At("a")).code(), StatusCode::kNotFound);
  Write("a", "x");
  EXPECT_EQ(env().Rename(At("a"), At("none/a")).code(), StatusCode::kNotFound);
  EXPECT_EQ(Read("a"), "x");
}

TEST_P(EnvTest, BelowAPlainFileNothingIsAndNothingCanBe) {
  Write("a", "x");
  EXPECT_EQ(StatCode("a/b"), StatusCode::kNotFound);
  EXPECT_EQ(env().ReadFile(At("a/b")).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(env().RemoveAll(At("a/b")).ok());
  EXPECT_EQ(env().WriteFile(At("a/b"), "y").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().CreateDirectory(At("a/b")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().CreateDirectory(At("a")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().ListDirectory(At("a")).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Read("a"), "x");
}

TEST_P(EnvTest, ADirectoryIsNotAFile) {
  MakeDirectory("d");
  EXPECT_EQ(env().ReadFile(At("d")).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().WriteFile(At("d"), "x").code(), StatusCode::kFailedPrecondition);
}

TEST_P(EnvTest, StatTellsFilesFromDirectories) {
  MakeDirectory("d");
  Write("d/a", "123");
  const FileInfo file = *env().Stat(At("d/a"));
  EXPECT_EQ(file.name, "a");
  EXPECT_FALSE(file.is_directory);
  EXPECT_EQ(file.bytes, 3u);
  const FileInfo directory = *env().Stat(At("d/"));
  EXPECT_EQ(directory.name, "d");
  EXPECT_TRUE(directory.is_directory);
  EXPECT_EQ(directory.bytes, 0u);
  EXPECT_TRUE(env().Stat("/")->is_directory);
  EXPECT_TRUE(env().Stat(".")->is_directory);
}

TEST_P(EnvTest, ListsADirectorySortedAndOneLevelDeep) {
  MakeDirectory("d/e/f");
  for (const char* name : {"d/c", "d/a", "d/e/x", "d/B"}) Write(name, "12");
  EXPECT_THAT(Names("d"), ElementsAre("B", "a", "c", "e"));
  const std::vector<FileInfo> infos = *env().ListDirectory(At("d"));
  EXPECT_FALSE(infos[0].is_directory);
  EXPECT_EQ(infos[0].bytes, 2u);
  EXPECT_TRUE(infos[3].is_directory);
  EXPECT_EQ(infos[3].bytes, 0u);
  EXPECT_THAT(Names("d/e/f"), IsEmpty());
}

TEST_P(EnvTest, CreatesADirectoryWithItsParentsAndAgain) {
  MakeDirectory("x/y/z");
  MakeDirectory("x/y/z");
  MakeDirectory("x/y/w/");
  EXPECT_THAT(Names("x/y"), ElementsAre("w", "z"));
}

TEST_P(EnvTest, RenamesAFileOverAnother) {
  Write("a", "new");
  Write("b", "old");
  EXPECT_TRUE(env().Rename(At("a"), At("b")).ok());
  EXPECT_EQ(Read("b"), "new");
  EXPECT_EQ(StatCode("a"), StatusCode::kNotFound);
  EXPECT_TRUE(env().Rename(At("b"), At("b")).ok());
  EXPECT_EQ(Read("b"), "new");
}

TEST_P(EnvTest, RenamesADirectoryWithWhatIsInIt) {
  MakeDirectory("d/e");
  MakeDirectory("de");  // begins with the same letters, and stays
  Write("d/e/a", "1");
  Write("de/b", "2");
  MakeDirectory("other");
  EXPECT_TRUE(env().Rename(At("d"), At("other/d2")).ok());
  EXPECT_EQ(Read("other/d2/e/a"), "1");
  EXPECT_EQ(Read("de/b"), "2");
  EXPECT_THAT(Names(""), ElementsAre("de", "other"));
}

TEST_P(EnvTest, RenameReplacesOnlyLikeByLike) {
  MakeDirectory("empty");
  MakeDirectory("full");
  MakeDirectory("d");
  Write("full/a", "1");
  Write("file", "2");
  EXPECT_EQ(env().Rename(At("d"), At("full")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().Rename(At("d"), At("file")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().Rename(At("file"), At("d")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().Rename(At("full"), At("full/b")).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(env().Rename(At("full"), At("empty")).ok());
  EXPECT_EQ(Read("empty/a"), "1");
}

TEST_P(EnvTest, RemovesAFileOrATreeAndNothingElse) {
  MakeDirectory("d/e/f");
  MakeDirectory("de");
  Write("d/a", "1");
  Write("d/e/b", "2");
  Write("c", "3");
  EXPECT_TRUE(env().RemoveAll(At("d")).ok());
  EXPECT_THAT(Names(""), ElementsAre("c", "de"));
  EXPECT_TRUE(env().RemoveAll(At("c")).ok());
  EXPECT_TRUE(env().RemoveAll(At("c")).ok());
  EXPECT_TRUE(env().RemoveAll(At("none/none")).ok());
  EXPECT_THAT(Names(""), ElementsAre("de"));
}

TEST_P(EnvTest, RefusesPathsThatNameNothing) {
  Write("a", "x");
  const std::string with_nul = At("a") + std::string(1, '\0') + "b";
  for (const std::string& path : {std::string(), with_nul}) {
    EXPECT_EQ(env().ReadFile(path).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().WriteFile(path, "").code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().Stat(path).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().ListDirectory(path).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().CreateDirectory(path).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().Rename(path, At("b")).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().Rename(At("a"), path).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(env().RemoveAll(path).code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Read("a"), "x");
}

TEST_P(EnvTest, WriteFileAtomicallyCreatesReplacesAndLeavesNothingBehind) {
  EXPECT_TRUE(WriteFileAtomically(env(), At("a"), "one").ok());
  EXPECT_EQ(Read("a"), "one");
  EXPECT_TRUE(WriteFileAtomically(env(), At("a"), "two").ok());
  EXPECT_EQ(Read("a"), "two");
  EXPECT_THAT(Names(""), ElementsAre("a"));
  MakeDirectory("d");
  EXPECT_FALSE(WriteFileAtomically(env(), At("d"), "x").ok());
  EXPECT_THAT(Names(""), ElementsAre("a", "d"));
}

TEST_P(EnvTest, WhereNoFileCanBeWrittenIsToldWithThePathThatWasGiven) {
  Write("a", "x");
  MakeDirectory("d");
  const auto expect = [&](std::string_view name, StatusCode code, std::string_view directory) {
    const Status looked = CheckDestination(env(), At(name));
    const Status written = WriteFileAtomically(env(), At(name), "y");
    EXPECT_EQ(looked.code(), code) << looked;
    EXPECT_THAT(looked.message(), HasSubstr(StrCat("write '", At(name), "'")));
    EXPECT_THAT(looked.message(), HasSubstr(StrCat("'", At(directory), "'")));
    EXPECT_EQ(written, looked) << "no temporary is named";
  };
  expect("no/b", StatusCode::kNotFound, "no");
  expect("no/such/b", StatusCode::kNotFound, "no/such");
  expect("a/b", StatusCode::kFailedPrecondition, "a");
  expect("d", StatusCode::kFailedPrecondition, "d");
  expect("new/", StatusCode::kFailedPrecondition, "new/");
  EXPECT_TRUE(CheckDestination(env(), At("a")).ok());
  EXPECT_TRUE(CheckDestination(env(), At("d/new")).ok());
  EXPECT_TRUE(CheckDestination(env(), "new").ok());
  EXPECT_EQ(CheckDestination(env(), "").code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Names(""), ElementsAre("a", "d"));
}

TEST_P(EnvTest, AReaderSeesTheOldFileOrTheNewOne) {
  const std::string old_bytes(100'000, 'o');
  const std::string new_bytes(200'000, 'n');
  Write("a", old_bytes);
  std::thread writer([&] {
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(WriteFileAtomically(env(), At("a"), i % 2 == 0 ? new_bytes : old_bytes).ok());
    }
  });
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = Read("a");
    EXPECT_TRUE(bytes == old_bytes || bytes == new_bytes) << bytes.size();
  }
  writer.join();
}

TEST_P(EnvTest, ClocksDoNotGoBack) {
  const int64_t seconds = env().UnixSeconds();
  const int64_t nanos = env().MonotonicNanos();
  EXPECT_GE(seconds, 1'000'000'000);
  EXPECT_GE(env().UnixSeconds(), seconds);
  EXPECT_GE(env().MonotonicNanos(), nanos);
}

TEST(EnvRemoveTest, RefusesTheRootAndTheDotDirectories) {
  MemoryEnv memory;
  for (const char* path : {"/", "//", ".", "..", "./", "../", "a/.", "a/..", "/..", "a/..//"}) {
    EXPECT_EQ(Env::Posix().RemoveAll(path).code(), StatusCode::kInvalidArgument) << path;
    EXPECT_EQ(memory.RemoveAll(path).code(), StatusCode::kInvalidArgument) << path;
  }
}

class PosixEnvTest : public ::testing::Test {
 protected:
  PosixEnvTest() : root_(::testing::TempDir() + "/tandem_posix_env_test_XXXXXX") {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~PosixEnvTest() override { EXPECT_TRUE(Env::Posix().RemoveAll(root_).ok()); }
  std::string At(std::string_view name) const { return JoinPath(root_, name); }

 private:
  std::string root_;
};

TEST_F(PosixEnvTest, RemovesALinkAndNotWhatItNames) {
  Env& env = Env::Posix();
  ASSERT_TRUE(env.CreateDirectory(At("kept")).ok());
  ASSERT_TRUE(env.WriteFile(At("kept/a"), "x").ok());
  ASSERT_TRUE(env.CreateDirectory(At("gone")).ok());
  ASSERT_EQ(::symlink(At("kept").c_str(), At("gone/link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", At("gone/dangling").c_str()), 0);
  EXPECT_EQ(env.ListDirectory(At("gone"))->size(), 2u);
  EXPECT_TRUE(env.RemoveAll(At("gone")).ok());
  EXPECT_EQ(*env.ReadFile(At("kept/a")), "x");
}

TEST_F(PosixEnvTest, ReadsFilesThatDoNotTellTheirSize) {
  const Result<std::string> status = Env::Posix().ReadFile("/proc/self/status");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(*status, HasSubstr("Pid:"));
  EXPECT_EQ(Env::Posix().ReadFile("/proc/self/status", 10).status().code(),
            StatusCode::kResourceExhausted);
}

TEST_F(PosixEnvTest, AFullDiskIsResourceExhausted) {
  struct stat found = {};
  if (::stat("/dev/full", &found) != 0 || !S_ISCHR(found.st_mode)) GTEST_SKIP() << "no /dev/full";
  const Status status = Env::Posix().WriteFile("/dev/full", "x");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("write '/dev/full'"));
}

TEST_F(PosixEnvTest, MissingRightsArePermissionDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ASSERT_TRUE(Env::Posix().WriteFile(At("a"), "x").ok());
  ASSERT_EQ(::chmod(At("a").c_str(), 0), 0);
  EXPECT_EQ(Env::Posix().ReadFile(At("a")).status().code(), StatusCode::kPermissionDenied);
}

TEST(PathTest, JoinPutsOneSlashBetween) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b/c"), "a/b/c");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("a", ""), "a");
  EXPECT_EQ(JoinPath("", ""), "");
}

TEST(PathTest, ParentDropsTheLastPart) {
  EXPECT_EQ(ParentPath("a/b/c"), "a/b");
  EXPECT_EQ(ParentPath("a/b/"), "a");
  EXPECT_EQ(ParentPath("a//b"), "a");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath(""), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
}

}  // namespace
}  // namespace tandem
