#include "tandem/base/replacement_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/memory_env.h"
#include "tandem/base/testing/every_env.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReplacementFileTest : public testing::EveryEnv {
 protected:
  std::set<std::string> Names() {
    std::set<std::string> names;
    const std::vector<FileInfo> infos = env().ListDirectory(At("")).value();
    for (const FileInfo& info : infos) names.insert(info.name);
    return names;
  }
};
TANDEM_FOR_EVERY_ENV(ReplacementFileTest);

TEST_P(ReplacementFileTest, WritersOfOnePathDoNotMeetAndTheLastToCommitStays) {
  const auto first = ReplacementFile::Create(env(), At("a")).value();
  const auto second = ReplacementFile::Create(env(), At("a")).value();
  ASSERT_TRUE(first->Append("first, ").ok());
  ASSERT_TRUE(second->Append("2, ").ok());
  ASSERT_TRUE(first->Append("whole").ok());
  ASSERT_TRUE(first->Commit().ok());
  EXPECT_EQ(*env().ReadFile(At("a")), "first, whole");
  ASSERT_TRUE(second->Append("whole").ok());
  EXPECT_EQ(*env().ReadFile(At("a")), "first, whole") << "the second writes into what is published";
  ASSERT_TRUE(second->Commit().ok());
  EXPECT_EQ(*env().ReadFile(At("a")), "2, whole");
  EXPECT_EQ(Names(), std::set<std::string>{"a"});
}

TEST_P(ReplacementFileTest, WhatIsNotCommittedIsRemoved) {
  ASSERT_TRUE(env().WriteFile(At("a"), "old").ok());
  {
    const auto file = ReplacementFile::Create(env(), At("a")).value();
    ASSERT_TRUE(file->Append("new").ok());
    EXPECT_EQ(Names().size(), 2U);
  }
  EXPECT_EQ(*env().ReadFile(At("a")), "old");
  EXPECT_EQ(Names(), std::set<std::string>{"a"});
}

TEST_P(ReplacementFileTest, ThreadsThatWriteOnePathLeaveOneWholeFile) {
  constexpr int kWriters = 4;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] {
      const std::string bytes(10'000 * static_cast<size_t>(writer + 1),
                              static_cast<char>('a' + writer));
      for (int round = 0; round < 10; ++round) {
        EXPECT_TRUE(WriteFileAtomically(env(), At("file"), bytes).ok());
        const std::string read = env().ReadFile(At("file")).value();
        ASSERT_FALSE(read.empty());
        EXPECT_EQ(read, std::string(10'000 * static_cast<size_t>(read[0] - 'a' + 1), read[0]));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(Names(), std::set<std::string>{"file"});
}

// As in a container, whose first process always has the same number.
TEST_P(ReplacementFileTest, WhatAnotherProcessLeftBehindIsInNobodysWay) {
  std::string taken;
  {
    const auto file = ReplacementFile::Create(env(), At("a")).value();
    taken = *Names().begin();
  }
  const size_t dot = taken.rfind('.');
  const int number = std::stoi(taken.substr(dot + 1));
  for (int i = 1; i <= 3; ++i) {
    const std::string name = taken.substr(0, dot + 1) + std::to_string(number + i);
    ASSERT_TRUE(env().WriteFile(At(name), "left behind").ok());
  }
  EXPECT_TRUE(WriteFileAtomically(env(), At("a"), "new").ok());
  EXPECT_EQ(*env().ReadFile(At("a")), "new");
  EXPECT_EQ(Names().size(), 4U);
}

TEST(ReplacementFileErrorTest, NamesThePathThatWasGivenAndNoTemporary) {
  for (int change = 1; change <= 4; ++change) {  // create, append, close, rename
    MemoryEnv env;
    env.FailFromChange(change);
    const Status status = WriteFileAtomically(env, "some/a", "bytes");
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << status;
    const Status full = WriteFileAtomically(env, "a", "bytes");
    EXPECT_EQ(full.code(), StatusCode::kResourceExhausted) << change;
    EXPECT_THAT(full.message(), HasSubstr("'a'"));
    EXPECT_THAT(full.message(), Not(HasSubstr(".tmp")));
  }
}

class ReplacementLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "/tandem_replacement_XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { EXPECT_TRUE(env_.RemoveAll(root_).ok()); }

  std::string At(std::string_view name) const { return JoinPath(root_, name); }
  void Link(const std::string& target, std::string_view name) const {
    ASSERT_EQ(::symlink(target.c_str(), At(name).c_str()), 0);
  }
  bool IsLink(std::string_view name) const {
    struct stat found = {};
    return ::lstat(At(name).c_str(), &found) == 0 && S_ISLNK(found.st_mode);
  }

  Env& env_ = Env::Posix();
  std::string root_;
};

TEST_F(ReplacementLinkTest, ALinkStaysAndWhatItLeadsToIsReplaced) {
  ASSERT_TRUE(env_.CreateDirectory(At("d")).ok());
  ASSERT_TRUE(env_.WriteFile(At("d/real"), "old").ok());
  Link("d/real", "link");  // seen from where the link is
  Link(At("link"), "link to it");
  for (const char* name : {"link", "link to it"}) {
    ASSERT_TRUE(WriteFileAtomically(env_, At(name), name).ok());
    EXPECT_TRUE(IsLink("link"));
    EXPECT_TRUE(IsLink("link to it"));
    EXPECT_EQ(*env_.ReadFile(At("d/real")), name);
  }
  EXPECT_EQ(env_.ListDirectory(At("d"))->size(), 1U);
}

TEST_F(ReplacementLinkTest, ALinkToNothingGetsAFileWhereItLeads) {
  ASSERT_TRUE(env_.CreateDirectory(At("d")).ok());
  Link("d/new", "link");
  ASSERT_TRUE(WriteFileAtomically(env_, At("link"), "new").ok());
  EXPECT_TRUE(IsLink("link"));
  EXPECT_EQ(*env_.ReadFile(At("d/new")), "new");
  Link("no/new", "astray");
  const Status status = WriteFileAtomically(env_, At("astray"), "new");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("write '" + At("astray") + "'"));
  EXPECT_THAT(status.message(), HasSubstr("'" + At("no") + "'"));
}

TEST_F(ReplacementLinkTest, LinksInACircleAreRefused) {
  Link("b", "a");
  Link("a", "b");
  EXPECT_FALSE(WriteFileAtomically(env_, At("a"), "x").ok());
  EXPECT_TRUE(IsLink("a"));
  EXPECT_EQ(env_.ListDirectory(root_)->size(), 2U);
}

TEST_F(ReplacementLinkTest, DevicesPipesAndSocketsAreRefusedByName) {
  ASSERT_EQ(::mkfifo(At("pipe").c_str(), 0600), 0);
  Link("pipe", "link");
  std::vector<std::string> names = {"pipe", "link"};
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (At("socket").size() < sizeof(address.sun_path)) {
    std::strncpy(address.sun_path, At("socket").c_str(), sizeof(address.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
    names.emplace_back("socket");
  }
  // Of the numbers of /dev/null; for root alone.
  if (::mknod(At("device").c_str(), S_IFCHR | 0600, 0x103) == 0) names.emplace_back("device");
  for (const std::string& name : names) {
    struct stat before = {};
    struct stat after = {};
    ASSERT_EQ(::stat(At(name).c_str(), &before), 0);
    for (const Status& status :
         {CheckDestination(env_, At(name)), WriteFileAtomically(env_, At(name), "x"),
          ReplacementFile::Create(env_, At(name)).status()}) {
      EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << name;
      EXPECT_THAT(status.message(), HasSubstr("write '" + At(name) + "': is a device, pipe or"));
    }
    ASSERT_EQ(::stat(At(name).c_str(), &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_ino, before.st_ino);
  }
  EXPECT_EQ(env_.ListDirectory(root_)->size(), names.size());
}

}  // namespace
}  // namespace tandem
