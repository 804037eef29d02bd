#include "tandem/base/cgroup.h"

#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"

namespace tandem {
namespace {

void Put(MemoryEnv& env, const std::string& path, std::string_view bytes) {
  ASSERT_TRUE(env.CreateDirectory(ParentPath(path)).ok());
  ASSERT_TRUE(env.WriteFile(path, bytes).ok());
}

TEST(CgroupTest, NoFilesIsNoLimit) { EXPECT_EQ(CgroupProcessors(MemoryEnv()), 0u); }

TEST(CgroupTest, Version2QuotaIsRoundedUp) {
  MemoryEnv env;
  Put(env, "/proc/self/cgroup", "0::/\n");
  Put(env, "/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(CgroupProcessors(env), 0u);
  Put(env, "/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(CgroupProcessors(env), 2u);
  Put(env, "/sys/fs/cgroup/cpu.max", "150000 100000\n");  // 1.5
  EXPECT_EQ(CgroupProcessors(env), 2u);
  Put(env, "/sys/fs/cgroup/cpu.max", "5000 100000\n");  // 0.05
  EXPECT_EQ(CgroupProcessors(env), 1u);
}

TEST(CgroupTest, TheTightestOfTheGroupsAroundCounts) {
  MemoryEnv env;
  Put(env, "/proc/self/cgroup", "0::/outer/inner\n");
  Put(env, "/sys/fs/cgroup/outer/cpu.max", "300000 100000\n");
  Put(env, "/sys/fs/cgroup/outer/inner/cpu.max", "800000 100000\n");
  EXPECT_EQ(CgroupProcessors(env), 3u);
  Put(env, "/sys/fs/cgroup/outer/inner/cpu.max", "100000 100000\n");
  EXPECT_EQ(CgroupProcessors(env), 1u);
}

TEST(CgroupTest, Version1QuotaIsFoundUnderItsControllers) {
  MemoryEnv env;
  Put(env, "/proc/self/cgroup", "5:cpuset:/\n3:cpu,cpuacct:/job\n1:name=systemd:/\n");
  Put(env, "/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100000\n");  // not the right controller
  Put(env, "/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n");
  Put(env, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  Put(env, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CgroupProcessors(env), 0u);
  Put(env, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");  // 2.5
  Put(env, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CgroupProcessors(env), 3u);
}

TEST(CgroupTest, WhatItCannotUnderstandIsNoLimit) {
  for (const char* text : {"", "0", "0:", "0::", "::\n:::", "0::relative", "0::/\n"}) {
    MemoryEnv env;
    Put(env, "/proc/self/cgroup", text);
    for (const char* quota : {"", "12", "a b", "100000 0", "-5 100000", "0 100000", "9e99 1"}) {
      Put(env, "/sys/fs/cgroup/cpu.max", quota);
      EXPECT_EQ(CgroupProcessors(env), 0u) << text << " with " << quota;
    }
  }
}

}  // namespace
}  // namespace tandem
