#include "tandem/index/annoy/annoy_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tandem/base/memory_env.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/test_files.h"

namespace tandem::index::annoy {
namespace {

using testing::Build;
using testing::Gaussian;
using ::testing::HasSubstr;
using testing::ItemsBelow;
using testing::Put;

constexpr AnnoyMetric kWritten[] = {AnnoyMetric::kAngular, AnnoyMetric::kEuclidean,
                                    AnnoyMetric::kManhattan, AnnoyMetric::kDot};

std::shared_ptr<const AnnoyFile> Parse(std::string bytes, AnnoyMetric metric) {
  return AnnoyFile::Parse(std::move(bytes), {metric, 0}).value();
}

TEST(AnnoyWriterTest, TheSameSeedGivesTheSameBytesWithAnyNumberOfThreads) {
  const auto rows = Gaussian(500, 9, 1);
  for (const AnnoyMetric metric : kWritten) {
    BuildOptions options;
    options.metric = metric;
    options.trees = 7;
    const std::string one = BuildAnnoyFile(rows, 9, {}, options).value();
    for (const size_t threads : {size_t{1}, size_t{3}}) {
      Workers workers(threads);
      EXPECT_EQ(BuildAnnoyFile(rows, 9, {}, options, &workers).value(), one);
    }
    options.seed = 43;
    EXPECT_NE(BuildAnnoyFile(rows, 9, {}, options).value(), one);
  }
}

TEST(AnnoyWriterTest, EveryTreeHoldsEveryItemOnce) {
  const auto rows = Gaussian(700, 4, 2);
  std::vector<int32_t> ids(700);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(2 * i + 5);
  for (const AnnoyMetric metric : kWritten) {
    const auto file = Parse(Build(rows, 4, metric, 6, ids), metric);
    ASSERT_EQ(file->n_trees(), 6);
    for (const int32_t root : file->roots()) {
      EXPECT_EQ(ItemsBelow(file->nodes(), file->n_items(), root), ids);
    }
    EXPECT_EQ(file->CopyItems().rows, rows);
  }
}

TEST(AnnoyWriterTest, AllNumbersOfItemsUpToTwoLeavesGiveWholeFiles) {
  for (const AnnoyMetric metric : kWritten) {
    for (size_t n = 1; n <= 20; ++n) {
      const auto rows = Gaussian(n, 5, n);  // leaves of 7 or 8
      const auto file = AnnoyFile::Parse(Build(rows, 5, metric, 3), {metric, 5}).value();
      // One item of an angular file looks like a root: Annoy counts it too.
      EXPECT_EQ(file->n_trees(), n == 1 && metric == AnnoyMetric::kAngular ? 4 : 3) << n;
      EXPECT_EQ(AnnoyIndex(file).SearchByItem(0, 100, 1000)->size(), n);
    }
  }
}

TEST(AnnoyWriterTest, ItemsThatCannotBeSplitAreSharedOutByChance) {
  for (const float value : {0.0F, 1.0F}) {
    const std::vector<float> rows(3000, value);
    for (const AnnoyMetric metric : kWritten) {
      const auto file = Parse(Build(rows, 3, metric, 2), metric);
      EXPECT_EQ(ItemsBelow(file->nodes(), 1000, file->roots()[0]).size(), 1000U);
      EXPECT_LT(file->nodes().count(), 4000);
    }
  }
}

// What the released reader would add in squared to the margin of a query.
TEST(AnnoyWriterTest, PlanesOfDotHaveNoCoordinateOfTheTransform) {
  const auto file = Parse(Build(Gaussian(300, 3, 2), 3, AnnoyMetric::kDot, 2), AnnoyMetric::kDot);
  int splits = 0;
  float largest = 0;
  for (int32_t node = 0; node < file->nodes().count(); ++node) {
    const auto factor = file->nodes().Load<float>(node, kDotFactor);
    if (node < 300) largest = std::max(largest, factor);
    if (file->nodes().IsSplit(node)) {
      ++splits;
      EXPECT_EQ(factor, 0);
    }
  }
  EXPECT_GT(splits, 20);
  EXPECT_GT(largest, 1);
}

TEST(AnnoyWriterTest, RefusesWhatCannotBeWritten) {
  const std::vector<float> rows = {1, 2, 3, 4};
  BuildOptions options;
  const auto message = [&](std::span<const float> r, int64_t d, std::vector<int32_t> ids) {
    return BuildAnnoyFile(r, d, ids, options).status().message();
  };
  EXPECT_THAT(message(rows, 3, {}), HasSubstr("rows of 4 numbers: expected one or more times 3"));
  EXPECT_THAT(message({}, 3, {}), HasSubstr("rows of 0 numbers"));
  EXPECT_THAT(message(rows, 0, {}), HasSubstr("dimension 0"));
  EXPECT_THAT(message(rows, 2, {1}), HasSubstr("1 ids: expected 2"));
  EXPECT_THAT(message(rows, 2, {1, 1}), HasSubstr("id 1 is 1: expected ids that ascend"));
  EXPECT_THAT(message(rows, 2, {-1, 1}), HasSubstr("id 0 is -1"));
  EXPECT_THAT(message(std::vector<float>{1, NAN}, 2, {}), HasSubstr("row 0: number 1 is nan"));
  EXPECT_THAT(message(std::vector<float>{1, 1e30F}, 2, {}), HasSubstr("too large for float"));
  options.trees = 0;
  EXPECT_THAT(message(rows, 2, {}), HasSubstr("0 trees: expected 1 to"));
  options.trees = 1;
  options.metric = AnnoyMetric::kHamming;
  EXPECT_THAT(message(rows, 2, {}), HasSubstr("hamming files are read, not written"));
}

// Planes at random, as good as those of a released build.
std::string BreakDot(std::string bytes, size_t n_items, int64_t dimension) {
  const Layout layout = Layout::Make(AnnoyMetric::kDot, dimension).value();
  const auto normals = Gaussian(bytes.size() / layout.stride, dimension, 77);
  const std::string whole = bytes;
  const Nodes nodes(whole, layout);
  for (size_t node = n_items; node < bytes.size() / layout.stride; ++node) {
    if (!nodes.IsSplit(static_cast<int64_t>(node))) continue;
    std::memcpy(bytes.data() + node * layout.stride + layout.vector,
                normals.data() + node * static_cast<size_t>(dimension),
                4 * static_cast<size_t>(dimension));
    Put(bytes, node * layout.stride + kDotFactor, 3.0F);
  }
  return bytes;
}

double RecallAt10(const AnnoyIndex& index) {
  double recall = 0;
  for (int32_t id = 0; id < 1000; id += 20) {
    const auto best = *index.SearchByItem(id, 10, 1'000'000);
    const auto nearest = *index.SearchByItem(id, 10);
    for (const Neighbour& found : nearest) {
      recall += std::count(best.begin(), best.end(), found) > 0 ? 0.1 / 50 : 0;
    }
  }
  return recall;
}

TEST(RepairTest, NewTreesOverTheSameItemsFindWhatTheBrokenOnesMiss) {
  const auto rows = Gaussian(1000, 10, 6);
  std::vector<int32_t> ids(1000);
  std::iota(ids.begin(), ids.end(), 0);
  const auto broken =
      Parse(BreakDot(Build(rows, 10, AnnoyMetric::kDot, 10), 1000, 10), AnnoyMetric::kDot);
  EXPECT_LT(RecallAt10(AnnoyIndex(broken)), 0.5);
  const auto repaired = Parse(RepairDotFile(*broken).value(), AnnoyMetric::kDot);
  EXPECT_GT(RecallAt10(AnnoyIndex(repaired)), 0.8);
  EXPECT_EQ(repaired->n_trees(), 10);
  EXPECT_EQ(repaired->CopyItems().ids, ids);
  EXPECT_EQ(repaired->CopyItems().rows, rows);
}

TEST(RepairTest, AFileIsReplacedOrLeftAsItWas) {
  MemoryEnv env;
  const std::string broken = Build(Gaussian(100, 4, 6), 4, AnnoyMetric::kDot, 3);
  ASSERT_TRUE(env.WriteFile("in.ann", broken).ok());
  ASSERT_TRUE(RepairDotFile(env, "in.ann", "out.ann").ok());
  EXPECT_TRUE(AnnoyFile::Open(env, "out.ann", {}).ok());
  const std::string repaired = env.ReadFile("out.ann").value();
  env.FailFromChange(1);
  EXPECT_EQ(RepairDotFile(env, "in.ann", "out.ann", 4, /*seed=*/7).code(),
            StatusCode::kResourceExhausted);
  env.FailFromChange(0);
  EXPECT_EQ(env.ReadFile("out.ann").value(), repaired);
  ASSERT_TRUE(RepairDotFile(env, "out.ann", "out.ann", 4, /*seed=*/7).ok());
  EXPECT_NE(env.ReadFile("out.ann").value(), repaired);
  ASSERT_TRUE(env.WriteFile("e.ann", Build(Gaussian(100, 4, 6), 4, AnnoyMetric::kAngular, 3)).ok());
  EXPECT_THAT(RepairDotFile(env, "e.ann", "out.ann").message(), HasSubstr("e.ann: "));
  const auto angular = AnnoyFile::Open(env, "e.ann", {}).value();
  EXPECT_THAT(RepairDotFile(*angular).status().message(), HasSubstr("expected a dot index, got"));
}

}  // namespace
}  // namespace tandem::index::annoy
