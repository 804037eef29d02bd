#include "tandem/bundle/manifest.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::bundle {
namespace {

Manifest Some() {
  Manifest manifest;
  manifest.config.rating_layers = {4, 2};
  manifest.sizes = {.users = 3, .items = 5, .categories = 0};
  manifest.provenance = {
      .seed = 18446744073709551615U, .data_fingerprint = "f", .metrics = {{"RMSE", 0.9}}};
  manifest.files = {{"model.safetensors", 8, "00ff"}};
  return manifest;
}

TEST(ManifestTest, ReadsBackWhatWasWritten) {
  const std::string text = ManifestText(Some()).value();
  const auto read = ParseManifest(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->provenance.seed, 18446744073709551615U);
  EXPECT_EQ(read->config.rating_layers, (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(ManifestText(*read).value(), text);
}

TEST(ManifestTest, RefusesATextCutAtAnyByte) {
  const std::string text = ManifestText(Some()).value();
  for (size_t n = 0; n < text.size(); ++n) {
    EXPECT_EQ(ParseManifest(text.substr(0, n)).status().code(), StatusCode::kDataLoss) << n;
  }
}

TEST(ManifestTest, TellsAnotherSchemaVersionFromDamage) {
  std::string text = ManifestText(Some()).value();
  const std::string key = "\"schema_version\": 1";
  text.replace(text.find(key), key.size(), "\"schema_version\": 2");
  EXPECT_EQ(ParseManifest(text).status().code(), StatusCode::kFailedPrecondition);
}

TEST(GoldenLineTest, ReadsBackWhatWasWritten) {
  GoldenSample sample;
  sample.history = {"a\n", "\""};
  sample.embedding = {0.1F, 3.4028235e38F, -1e-45F};
  sample.top_items = {2147483647, 0};
  sample.top_scores = {2.5F, -0.0F};
  const std::string line = GoldenLine(sample).value();
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = ParseGoldenLine(line);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->history, sample.history);
  EXPECT_EQ(read->embedding, sample.embedding);
  EXPECT_EQ(read->top_items, sample.top_items);
  EXPECT_EQ(read->top_scores, sample.top_scores);
  for (size_t n = 0; n < line.size(); ++n) {
    EXPECT_FALSE(ParseGoldenLine(line.substr(0, n)).ok()) << n;
  }
}

TEST(GoldenLineTest, RefusesNumbersThatTheirFieldsCannotHold) {
  const auto read = [](const std::string& embedding, const std::string& items) {
    return ParseGoldenLine(StrCat(R"({"user":"","history":[],"embedding":[)", embedding,
                                  R"(],"items":[)", items, R"(],"scores":[]})"))
        .status()
        .code();
  };
  EXPECT_EQ(read("3.4e38", "2147483647"), StatusCode::kOk);
  EXPECT_EQ(read("3.5e38", ""), StatusCode::kDataLoss);
  EXPECT_EQ(read("-1e300", ""), StatusCode::kDataLoss);
  EXPECT_EQ(read("", "2147483648"), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace tandem::bundle
