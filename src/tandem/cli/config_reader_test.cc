#include "tandem/cli/config_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tandem/base/memory_env.h"

namespace tandem::cli {
namespace {

Status Read(const std::string& text, const std::vector<std::string>& settings = {}) {
  MemoryEnv env;
  EXPECT_TRUE(env.WriteFile("config.toml", text).ok());
  return ReadTrainingConfig(env, "config.toml", settings).status();
}

std::string Repeat(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

constexpr char kData[] = "[data]\ntrain = \"r.csv\"\n";

// toml++ frees tables inside tables by recursion: of 200,000 it overflows an 8 MiB stack.
TEST(ConfigReaderTest, RefusesTextsThatNestDeeperThanTheStack) {
  ASSERT_TRUE(Read(kData).ok()) << Read(kData);
  const std::string deep = Repeat("a.", 200000) + "a";
  EXPECT_EQ(Read(deep + " = 1\n").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Read("[" + deep + "]\n").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Read(kData, {"seed=1\n" + deep + " = 1"}).code(), StatusCode::kInvalidArgument);
  // As deep as the limit lets it be, and the deepest of brackets.
  EXPECT_EQ(Read(Repeat("a.", 8000) + "a = 1\n").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Read("a = " + Repeat("[", 16000)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Read("a = " + Repeat("{a=", 5000)).code(), StatusCode::kInvalidArgument);
}

// 64 letters x are 64 changes from every known key; the first of those is named.
TEST(ConfigReaderTest, ShowsTheStartOfALongUnknownKey) {
  EXPECT_EQ(Read(Repeat("x", 10000) + " = 1\n").message(),
            "config.toml: line 1: unknown key '" + Repeat("x", 64) +
                "'; the nearest known one is 'data.items'");
}

TEST(ConfigReaderTest, EveryPrefixIsReadOrRefused) {
  const std::string text = StrCat(kData, "[model]\nrating_layers = [4, 2]\n[optimizer]\n",
                                  "kind = \"adam\"\nlearning_rate = 1e-3 # slow\n");
  ASSERT_TRUE(Read(text).ok()) << Read(text);
  int read = 0;
  for (size_t n = 0; n < text.size(); ++n) {
    const Status status = Read(text.substr(0, n));
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kInvalidArgument) << status;
    if (status.ok()) ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace tandem::cli
