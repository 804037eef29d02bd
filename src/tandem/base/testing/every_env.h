// A fixture for rules that hold for every Env: each test runs on the one of this machine, in a new
// directory that is removed afterwards, and on the one in memory.
//
//   class CopyTest : public testing::EveryEnv {};
//   TANDEM_FOR_EVERY_ENV(CopyTest);
//   TEST_P(CopyTest, ...) { env().WriteFile(At("a"), "x"); }
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <string_view>

#include "tandem/base/env.h"
#include "tandem/base/memory_env.h"

namespace tandem::testing {

enum class EnvKind { kPosix, kMemory };

class EveryEnv : public ::testing::TestWithParam<EnvKind> {
 protected:
  void SetUp() override {
    if (!is_posix()) {
      root_ = "/root";
      ASSERT_TRUE(memory_.CreateDirectory(root_).ok());
      return;
    }
    root_ = ::testing::TempDir() + "/tandem_env_test_XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { EXPECT_TRUE(env().RemoveAll(root_).ok()); }

  bool is_posix() const { return GetParam() == EnvKind::kPosix; }
  Env& env() { return is_posix() ? Env::Posix() : memory_; }
  // In the directory of the test.
  std::string At(std::string_view name) const { return JoinPath(root_, name); }

 private:
  MemoryEnv memory_;
  std::string root_;
};

#define TANDEM_FOR_EVERY_ENV(Fixture)                                                             \
  INSTANTIATE_TEST_SUITE_P(                                                                       \
      All, Fixture,                                                                               \
      ::testing::Values(::tandem::testing::EnvKind::kPosix, ::tandem::testing::EnvKind::kMemory), \
      [](const ::testing::TestParamInfo<::tandem::testing::EnvKind>& instance) {                  \
        return instance.param == ::tandem::testing::EnvKind::kPosix ? "Posix" : "Memory";         \
      })

}  // namespace tandem::testing
