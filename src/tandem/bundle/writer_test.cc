#include "tandem/bundle/writer.h"

#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"

namespace tandem::bundle {
namespace {

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
