#include "tandem/index/annoy/annoy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "tandem/base/memory_env.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/test_files.h"

namespace tandem::index::annoy {
namespace {

using testing::Build;
using ::testing::ElementsAre;
using testing::Gaussian;
using testing::HammingFile;
using ::testing::HasSubstr;
using testing::Put;
using testing::ToUnreleased;

AnnoyFileOptions Told(AnnoyMetric metric, int64_t dimension) { return {metric, dimension}; }

Result<std::shared_ptr<const AnnoyFile>> ParseUntold(std::string bytes) {
  return AnnoyFile::Parse(std::move(bytes), {});
}

TEST(LayoutTest, NodesOf32DimensionsAreAsLargeAsThoseOfAnnoy) {
  struct Case {
    AnnoyMetric metric;
    bool unreleased;
    size_t stride;
    int32_t capacity;
  };
  // 12 + 4 * 32 = 140 bytes, of which (140 - 4) / 4 = 34 ids; and so on.
  for (const Case& c :
       {Case{AnnoyMetric::kAngular, false, 140, 34}, Case{AnnoyMetric::kEuclidean, false, 144, 34},
        Case{AnnoyMetric::kManhattan, false, 144, 34}, Case{AnnoyMetric::kDot, false, 144, 35},
        Case{AnnoyMetric::kDot, true, 152, 37}, Case{AnnoyMetric::kHamming, false, 24, 5}}) {
    const auto layout = Layout::Make(c.metric, 32, c.unreleased);
    ASSERT_TRUE(layout.ok());
    EXPECT_EQ(layout->stride, c.stride) << layout->Name();
    EXPECT_EQ(layout->leaf_capacity, c.capacity) << layout->Name();
  }
  EXPECT_EQ(Layout::Make(AnnoyMetric::kHamming, 65)->stride, 16U + 2 * 8);
  EXPECT_EQ(Layout::Make(AnnoyMetric::kDot, 0).status().code(), StatusCode::kInvalidArgument);
}

TEST(LayoutTest, AnUnknownMetricIsToldWithTheChoices) {
  EXPECT_EQ(*ParseAnnoyMetric("manhattan"), AnnoyMetric::kManhattan);
  EXPECT_THAT(ParseAnnoyMetric("cosine").status().message(),
              HasSubstr("metric 'cosine': expected angular, euclidean, manhattan, hamming or dot"));
}

TEST(AnnoyFileTest, FindsOutMetricDimensionItemsAndTrees) {
  const auto rows = Gaussian(200, 7, 1);
  const std::string dot = Build(rows, 7, AnnoyMetric::kDot, 3);
  EXPECT_EQ((*ParseUntold(dot))->Describe(), "dot of dimension 7, 200 items, 3 trees");
  EXPECT_EQ((*ParseUntold(Build(rows, 7, AnnoyMetric::kAngular, 4)))->Describe(),
            "angular of dimension 7, 200 items, 4 trees");
  EXPECT_EQ((*ParseUntold(ToUnreleased(dot, 7)))->Describe(),
            "dot of dimension 7 (layout of the main branch), 200 items, 3 trees");
  EXPECT_EQ((*ParseUntold(HammingFile(100)))->Describe(),
            "hamming of dimension 64, 100 items, 1 trees");
}

TEST(AnnoyFileTest, EveryDimensionUpTo40IsFoundOut) {
  for (int64_t d = 1; d <= 40; ++d) {
    const auto rows = Gaussian(90, d, static_cast<uint64_t>(d));
    for (const AnnoyMetric metric : {AnnoyMetric::kAngular, AnnoyMetric::kDot}) {
      const auto file = ParseUntold(Build(rows, d, metric, 2));
      ASSERT_TRUE(file.ok()) << d << " " << file.status();
      EXPECT_EQ((*file)->layout(), *Layout::Make(metric, d));
    }
  }
}

TEST(AnnoyFileTest, EuclideanAndManhattanLookTheSameAndMustBeTold) {
  const std::string bytes = Build(Gaussian(200, 7, 1), 7, AnnoyMetric::kEuclidean, 3);
  const Status status = ParseUntold(bytes).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("fits the Annoy index: euclidean of dimension 7, "
                                          "manhattan of dimension 7; tell which (--metric"));
  const auto told = AnnoyFile::Parse(bytes, {AnnoyMetric::kManhattan, 0});
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ((*told)->layout().dimension, 7);
}

TEST(AnnoyFileTest, AWrongMetricOrDimensionIsToldWithWhatFits) {
  // Annoy loads a dot file as euclidean without a word: their nodes are of one size.
  const std::string bytes = Build(Gaussian(200, 7, 1), 7, AnnoyMetric::kDot, 3);
  for (const auto& told : {Told(AnnoyMetric::kEuclidean, 7), Told(AnnoyMetric::kDot, 8),
                           Told(AnnoyMetric::kAngular, 7), Told(AnnoyMetric::kHamming, 64)}) {
    const Status status = AnnoyFile::Parse(bytes, told).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(status.message(), HasSubstr("what fits is dot of dimension 7"));
  }
  EXPECT_EQ(AnnoyFile::Parse(bytes, {AnnoyMetric::kDot, -1}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(AnnoyFileTest, ItemsAreCopiedWithoutHoles) {
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> ids = {2, 5, 9};
  const auto file =
      AnnoyFile::Parse(Build(rows, 2, AnnoyMetric::kDot, 2, ids), Told(AnnoyMetric::kDot, 2));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->n_items(), 10);
  EXPECT_FALSE((*file)->HasItem(0));
  EXPECT_TRUE((*file)->HasItem(9));
  EXPECT_FALSE((*file)->HasItem(10));
  EXPECT_FALSE((*file)->HasItem(-1));
  const Items items = (*file)->CopyItems();
  EXPECT_EQ(items.ids, ids);
  EXPECT_EQ(items.rows, rows);
  std::vector<float> vector(2);
  EXPECT_TRUE((*file)->CopyVector(5, vector).ok());
  EXPECT_THAT(vector, ElementsAre(3, 4));
  EXPECT_THAT((*file)->CopyVector(3, vector).message(), HasSubstr("item 3: there is none"));
  vector.resize(3);
  EXPECT_THAT((*file)->CopyVector(5, vector).message(), HasSubstr("expected 2"));
}

TEST(AnnoyFileTest, BitsOfHammingAreNumbers) {
  const auto file = ParseUntold(HammingFile(100));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<float> bits(64);
  ASSERT_TRUE((*file)->CopyVector(1, bits).ok());
  // 0x...15 = ...0001 0101, bit 0 first.
  EXPECT_EQ(std::vector<float>(bits.begin(), bits.begin() + 8),
            (std::vector<float>{1, 0, 1, 0, 1, 0, 0, 0}));
}

// Where all items fit in one leaf, Annoy writes q leaves and q copies of them, all of which look
// like roots; it passes over one.
TEST(AnnoyFileTest, CountsTheTreesOfATinyFileAsAnnoyDoes) {
  for (const int32_t n : {20, 1}) {
    const auto rows = Gaussian(static_cast<size_t>(n), 32, 3);
    const std::string bytes = Build(rows, 32, AnnoyMetric::kDot, 3);
    const size_t stride = 144;
    std::string forest = bytes.substr(0, static_cast<size_t>(n) * stride);
    const std::string root = bytes.substr(bytes.size() - stride);
    for (int copy = 0; copy < 6; ++copy) forest += root;
    const auto file = AnnoyFile::Parse(forest, Told(AnnoyMetric::kDot, 32));
    ASSERT_TRUE(file.ok()) << file.status();
    // 20 items: 6 leaves less one. One item: it counts too, 7 less one.
    EXPECT_EQ((*file)->n_trees(), n == 20 ? 5 : 6);
  }
}

TEST(AnnoyFileTest, OpensFromAnEnvAndNamesTheFile) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("i.ann", Build(Gaussian(50, 3, 1), 3, AnnoyMetric::kDot, 2)).ok());
  EXPECT_TRUE(AnnoyFile::Open(env, "i.ann", {}).ok());
  ASSERT_TRUE(env.WriteFile("bad.ann", std::string(64, 'x')).ok());
  EXPECT_THAT(AnnoyFile::Open(env, "bad.ann", {}).status().message(),
              HasSubstr("bad.ann: not an Annoy index, or a damaged one"));
  EXPECT_EQ(AnnoyFile::Open(env, "none.ann", {}).status().code(), StatusCode::kNotFound);
}

// What was refused, of 60 items of 2 dimensions (nodes of 24 bytes, leaves of up to 5) in one tree.
class DamagedFileTest : public ::testing::Test {
 protected:
  std::string Message(AnnoyMetric metric = AnnoyMetric::kDot) const {
    return AnnoyFile::Parse(bytes_, Told(metric, 2)).status().message();
  }
  size_t At(int64_t node) const { return static_cast<size_t>(node) * 24; }
  int32_t Number(int64_t node, size_t offset) const {
    int32_t value;
    std::memcpy(&value, bytes_.data() + At(node) + offset, 4);
    return value;
  }
  int64_t Last() const { return static_cast<int64_t>(bytes_.size() / 24) - 1; }
  // A child of the root that is a split.
  int64_t Split() const {
    for (const size_t child : {size_t{4}, size_t{8}}) {
      if (Number(Last(), child) >= 60 && Number(Number(Last(), child), 0) > 5) {
        return Number(Last(), child);
      }
    }
    return -1;
  }

  std::string bytes_ = Build(Gaussian(60, 2, 5), 2, AnnoyMetric::kDot, 1);
};

TEST_F(DamagedFileTest, IsWholeAtFirst) {
  EXPECT_EQ(Message(), "");
  EXPECT_GE(Split(), 60);
}

TEST_F(DamagedFileTest, ACircleIsRefused) {
  const int64_t split = Split();
  Put(bytes_, At(split) + 4, static_cast<int32_t>(split));
  EXPECT_THAT(Message(), HasSubstr(StrCat("node ", split, ": child 0 is node ", split)));
  Put(bytes_, At(split) + 4, static_cast<int32_t>(Last()));
  EXPECT_THAT(Message(), HasSubstr("items: expected fewer than its own"));
}

TEST_F(DamagedFileTest, ANodeOfTwoParentsIsRefused) {
  const int64_t split = Split();
  // The last root and its copy name the split; so does now the split before them.
  for (int64_t node = 60; node < Last(); ++node) {
    if (Number(node, 0) > 5 && Number(node, 0) < Number(split, 0) && node != split) {
      for (const size_t side : {size_t{4}, size_t{8}}) {
        if (Number(node, side) >= 60) Put(bytes_, At(split) + side, Number(node, side));
      }
    }
  }
  EXPECT_THAT(Message(), ::testing::AnyOf(HasSubstr("expected one parent, got a second"),
                                          HasSubstr("items in its two children")));
}

TEST_F(DamagedFileTest, ChildrenOutsideAreRefused) {
  const int64_t split = Split();
  Put(bytes_, At(split) + 8, int32_t{1000000});
  EXPECT_THAT(Message(), HasSubstr("child 1: expected a node below"));
  Put(bytes_, At(split) + 8, int32_t{-1});
  EXPECT_THAT(Message(), HasSubstr("got -1"));
}

TEST_F(DamagedFileTest, IdsOfLeavesOutsideAreRefused) {
  int64_t leaf = 60;
  while (Number(leaf, 0) > 5) ++leaf;
  Put(bytes_, At(leaf) + 4, int32_t{60});
  EXPECT_THAT(Message(), HasSubstr("expected an id below 60, got 60"));
}

TEST_F(DamagedFileTest, WrongNumbersOfItemsAreRefused) {
  std::string whole = bytes_;
  Put(bytes_, At(Split()), Number(Split(), 0) + 1);
  EXPECT_THAT(Message(), HasSubstr("items in its two children"));
  bytes_ = whole;
  Put(bytes_, At(61), int32_t{0});
  EXPECT_THAT(Message(), HasSubstr("node 61: expected 1 to 60 items, got 0"));
  bytes_ = whole;
  Put(bytes_, At(7), int32_t{0});
  EXPECT_THAT(Message(), HasSubstr("expected 59 items in its two children, got 60"));
  Put(bytes_, At(7), int32_t{2});
  EXPECT_THAT(Message(), HasSubstr("item 7: expected 1, or 0"));
  bytes_ = whole;
  Put(bytes_, At(Last()), int32_t{0});
  EXPECT_THAT(Message(), HasSubstr("the last: expected a root"));
  Put(bytes_, At(Last()), int32_t{2000000000});
  EXPECT_THAT(Message(), HasSubstr("got 2000000000"));
}

TEST_F(DamagedFileTest, NumbersThatAreNotFiniteAreRefused) {
  Put(bytes_, At(3) + 16, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(Message(), HasSubstr("item 3: got a number nan"));
}

TEST_F(DamagedFileTest, CutAtEveryByteItIsRefusedOrStillAnIndex) {
  const std::string whole = bytes_;
  for (size_t size = 0; size < whole.size(); ++size) {
    bytes_ = whole.substr(0, size);
    const auto file = AnnoyFile::Parse(bytes_, Told(AnnoyMetric::kDot, 2));
    EXPECT_EQ(file.ok(), size == whole.size() - 24) << size;  // but for the copy of the root
    const auto untold = ParseUntold(bytes_);
    if (untold.ok()) {
      EXPECT_EQ((*untold)->layout(), *Layout::Make(AnnoyMetric::kDot, 2)) << size;
    }
  }
}

// Whatever passes the checks is searched to its end.
TEST_F(DamagedFileTest, FlippedBytesNeverDoHarm) {
  const std::vector<std::string> wholes = {bytes_,
                                           Build(Gaussian(60, 2, 5), 2, AnnoyMetric::kAngular, 3),
                                           Build(Gaussian(60, 2, 5), 2, AnnoyMetric::kManhattan, 2),
                                           HammingFile(60), ToUnreleased(bytes_, 2)};
  Rng rng(11);
  int opened = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string bytes = wholes[rng.UniformInt(wholes.size())];
    for (uint64_t flips = 1 + rng.UniformInt(3); flips > 0; --flips) {
      char& byte = bytes[rng.UniformInt(bytes.size())];
      byte = static_cast<char>(byte ^ static_cast<char>(1U << rng.UniformInt(8)));
    }
    std::optional<AnnoyMetric> metric;
    if (rng.UniformInt(2) == 0) metric = static_cast<AnnoyMetric>(rng.UniformInt(5));
    const auto file = AnnoyFile::Parse(bytes, {metric, 0});
    if (!file.ok()) continue;
    ++opened;
    const std::vector<float> query(static_cast<size_t>((*file)->layout().dimension), 0.7F);
    const auto found = AnnoyIndex(*file).SearchByVector(query, 1000, 1000000);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_LE(found->size(), static_cast<size_t>((*file)->n_items()));
  }
  EXPECT_GT(opened, 100);  // flips of low bits of vectors, most of them
}

}  // namespace
}  // namespace tandem::index::annoy
