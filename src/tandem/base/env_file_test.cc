// Files as memory and files in pieces: one set of rules for every Env, run on the one of this
// machine (in a new directory) and on the one in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "tandem/base/env.h"
#include "tandem/base/memory_env.h"
#include "tandem/base/testing/every_env.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

class EnvFileTest : public testing::EveryEnv {};
TANDEM_FOR_EVERY_ENV(EnvFileTest);

TEST_P(EnvFileTest, MapsTheBytesOfAFileAtAMultipleOf64) {
  const std::string bytes = std::string("a\0b", 3) + std::string(100'000, 'x');
  ASSERT_TRUE(env().WriteFile(At("a"), bytes).ok());
  const auto mapped = env().Map(At("a"));
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ((*mapped)->view(), bytes);
  EXPECT_EQ((*mapped)->bytes().size(), bytes.size());
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*mapped)->bytes().data()) % 64, 0u);
}

TEST_P(EnvFileTest, AnEmptyFileMapsToNoBytes) {
  ASSERT_TRUE(env().WriteFile(At("a"), "").ok());
  const auto mapped = env().Map(At("a"));
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_TRUE((*mapped)->bytes().empty());
  EXPECT_EQ((*mapped)->view(), "");
}

TEST_P(EnvFileTest, AMappingKeepsItsBytesWhenTheFileIsReplacedOrRemoved) {
  ASSERT_TRUE(env().WriteFile(At("a"), "old bytes").ok());
  const auto old = env().Map(At("a"));
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(WriteFileAtomically(env(), At("a"), "new").ok());
  EXPECT_EQ((*old)->view(), "old bytes");
  const auto replaced = env().Map(At("a"));
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ((*replaced)->view(), "new");
  ASSERT_TRUE(env().RemoveAll(At("a")).ok());
  EXPECT_EQ((*old)->view(), "old bytes");
  EXPECT_EQ((*replaced)->view(), "new");
}

TEST_P(EnvFileTest, OnlyAPlainFileCanBeMapped) {
  EXPECT_EQ(env().Map(At("nothing")).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(env().Map(At("nothing")).status().message(), HasSubstr(At("nothing")));
  ASSERT_TRUE(env().CreateDirectory(At("d")).ok());
  EXPECT_EQ(env().Map(At("d")).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().Map("").status().code(), StatusCode::kInvalidArgument);
  if (!is_posix()) return;
  ASSERT_EQ(::mkfifo(At("pipe").c_str(), 0600), 0);
  EXPECT_EQ(env().Map(At("pipe")).status().code(), StatusCode::kFailedPrecondition);
}

TEST_P(EnvFileTest, WritesAFileInPieces) {
  auto file = env().CreateFile(At("a"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("one ").ok());
  EXPECT_TRUE((*file)->Append("").ok());
  EXPECT_TRUE((*file)->Append(std::string("t\0o", 3)).ok());
  EXPECT_TRUE((*file)->Close().ok());
  EXPECT_EQ(*env().ReadFile(At("a")), std::string("one t\0o", 7));
}

TEST_P(EnvFileTest, CreatingAFileEmptiesWhatWasThere) {
  ASSERT_TRUE(env().WriteFile(At("a"), "old bytes").ok());
  const auto file = env().CreateFile(At("a"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*env().ReadFile(At("a")), "");
}

TEST_P(EnvFileTest, AFileCannotBeCreatedWhereNoneCanBe) {
  EXPECT_EQ(env().CreateFile(At("no/a")).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(env().CreateDirectory(At("d")).ok());
  EXPECT_EQ(env().CreateFile(At("d")).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(env().CreateFile("").status().code(), StatusCode::kInvalidArgument);
}

TEST(MemoryEnvFileTest, CreateEachAppendAndCloseCanFail) {
  // Changes: 1 create, 2 and 3 append, 4 close.
  for (int n = 1; n <= 4; ++n) {
    MemoryEnv env;
    env.FailFromChange(n);
    auto file = env.CreateFile("a");
    EXPECT_EQ(file.ok(), n > 1);
    if (!file.ok()) continue;
    EXPECT_EQ((*file)->Append("1234").ok(), n > 2);
    EXPECT_EQ((*file)->Append("5678").ok(), n > 3);
    EXPECT_FALSE((*file)->Close().ok());
    // Half of what failed: two bytes of four.
    EXPECT_EQ(*env.ReadFile("a"), n == 2 ? "1256" : n == 3 ? "123456" : "12345678");
  }
}

TEST(PosixEnvFileTest, TellsWhenAFileLastChangedWhateverItsSize) {
  Env& env = Env::Posix();
  const std::string path = ::testing::TempDir() + "/tandem_changed";
  const auto changed = [&] { return env.Stat(path)->changed_nanos; };
  ASSERT_TRUE(env.WriteFile(path, "abc").ok());
  const int64_t first = changed();
  EXPECT_GE(first / 1'000'000'000, env.UnixSeconds() - 60);
  EXPECT_EQ(changed(), first);
  // The clock of a file system may go in steps of a few milliseconds.
  for (int i = 0; i < 1000 && changed() == first; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(env.WriteFile(path, "abd").ok());
  }
  EXPECT_GT(changed(), first);
  EXPECT_TRUE(env.RemoveAll(path).ok());
}

TEST(PosixEnvFileTest, AFullDiskIsResourceExhausted) {
  struct stat found = {};
  if (::stat("/dev/full", &found) != 0 || !S_ISCHR(found.st_mode)) GTEST_SKIP() << "no /dev/full";
  const auto file = Env::Posix().CreateFile("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  const Status status = (*file)->Append("x");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("write '/dev/full'"));
}

}  // namespace
}  // namespace tandem
