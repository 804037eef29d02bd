// The ends of what an index takes: numbers whose products no float holds, and very long vectors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/ivf_index.h"
#include "tandem/index/live_index.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;

constexpr int64_t kItems = 40;
constexpr int64_t kDimensions = 8;

// Of lengths from 1e19 to 1e21.
Floats Huge(size_t n, Rng& rng) {
  Floats values(n);
  for (float& x : values) x = std::pow(10.0F, 19 + 2 * rng.UniformFloat()) * rng.Normal();
  return values;
}

// The ids of naive scores as floats, which are infinite where no float holds them: ties by row.
std::vector<int32_t> Want(const Floats& rows, std::span<const float> query, Metric metric) {
  std::vector<std::pair<float, int32_t>> ranking;
  for (int32_t i = 0; i < kItems; ++i) {
    double score = 0;
    for (size_t j = 0; j < kDimensions; ++j) {
      const double q = query[j];
      const double x = rows[static_cast<size_t>(i) * kDimensions + j];
      score += metric == Metric::kDot ? q * x : -(q - x) * (q - x);
    }
    const double most = std::numeric_limits<float>::max();
    const double infinity = std::numeric_limits<double>::infinity();
    if (std::abs(score) > most) score = score > 0 ? infinity : -infinity;
    ranking.emplace_back(static_cast<float>(-score), i);
  }
  std::sort(ranking.begin(), ranking.end());
  std::vector<int32_t> ids;
  for (const auto& entry : ranking) ids.push_back(entry.second);
  return ids;
}

TEST(Limits, AllItemsAreFoundInTheirOrderWhereProductsOverflow) {
  Rng rng(4);
  for (const Metric metric : {Metric::kDot, Metric::kL2}) {
    Floats rows = Huge(kItems * kDimensions, rng);
    const Floats query = Huge(kDimensions, rng);
    // Products of 1e40 that cancel: scores 2 and 1.
    for (size_t row : {size_t{7}, size_t{8}}) {
      std::fill_n(rows.begin() + static_cast<int64_t>(row) * kDimensions, kDimensions, 0.0F);
      rows[row * kDimensions] = query[1];
      rows[row * kDimensions + 1] = -query[0];
    }
    const std::vector<int32_t> want = Want(rows, query, metric);
    std::vector<std::unique_ptr<ItemIndex>> engines;
    engines.push_back(ExactIndex::Create(rows, kItems, kDimensions, {.metric = metric}).value());
    if (metric == Metric::kDot) {
      engines.push_back(IvfIndex::Create(rows, kItems, kDimensions).value());
    }
    for (const auto& engine : engines) {
      std::vector<int32_t> ids(kItems);
      Floats scores(kItems);
      ASSERT_TRUE(engine->Search(query, {.k = kItems}, ids, scores).ok());
      EXPECT_EQ(ids, want) << MetricName(metric) << " " << engine->is_exact();
      EXPECT_TRUE(std::none_of(scores.begin(), scores.end(), [](float x) { return x != x; }));
    }
    const auto live = LiveIndex::Create(kDimensions, {.metric = metric}).value();
    std::vector<std::string> names;
    for (int64_t i = 0; i < kItems; ++i) names.push_back(std::to_string(i));
    ASSERT_TRUE(live->Upsert(names, rows).ok());
    const std::vector<Neighbor> found = live->Search(query, kItems).value();
    ASSERT_EQ(found.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(found[i].id, std::to_string(want[i]));
  }
}

// Sums of bytes are the largest where all of them are.
TEST(Limits, TheLongestVectorsAreRankedAndLongerOnesRefused) {
  constexpr int64_t kRows = 3;
  Floats rows(kRows * kMaxDimension);
  for (int64_t i = 0; i < kRows; ++i) {
    std::fill_n(rows.begin() + i * kMaxDimension, kMaxDimension, static_cast<float>(i + 1));
  }
  const Floats query(kMaxDimension, 1.0F);
  for (const Metric metric : {Metric::kDot, Metric::kL2}) {
    const auto index = ExactIndex::Create(rows, kRows, kMaxDimension, {.metric = metric}).value();
    std::vector<int32_t> ids(kRows);
    Floats scores(kRows);
    ASSERT_TRUE(index->Search(query, {.k = kRows}, ids, scores).ok());
    EXPECT_EQ(ids, metric == Metric::kDot ? (std::vector<int32_t>{2, 1, 0})
                                          : (std::vector<int32_t>{0, 1, 2}));
  }
  const Floats longer(kMaxDimension + 1, 1.0F);
  for (const Status& status : {ExactIndex::Create(longer, 1, kMaxDimension + 1).status(),
                               IvfIndex::Create(longer, 1, kMaxDimension + 1).status(),
                               LiveIndex::Create(kMaxDimension + 1).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("65537"), std::string::npos) << status;
    EXPECT_NE(status.message().find("65536"), std::string::npos) << status;
  }
  for (const int64_t n : {0, 1}) {
    EXPECT_EQ(ExactIndex::Create(Floats(), n, int64_t{1} << 60).status().code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(IvfIndex::Create(Floats(), n, int64_t{1} << 60).status().code(),
              StatusCode::kInvalidArgument);
  }
}

// A file of no items whose shape says 65,537 dimensions, sound in all else.
template <typename Index>
Status OpenLonger(const char* shape_name, const char* per_dimension, size_t numbers) {
  MemoryEnv env;
  auto writer = SnapshotWriter::Create(env, "i").value();
  EXPECT_TRUE(Index::Create({}, 0, 4).value()->Write(*writer).ok());
  EXPECT_TRUE(writer->Finish().ok());
  const auto file = SnapshotFile::Open(env, "i").value();
  writer = SnapshotWriter::Create(env, "longer").value();
  for (const SnapshotSection& section : file->sections()) {
    const std::span<const uint8_t> bytes = file->Section<uint8_t>(section.name).value();
    if (section.name == per_dimension) {
      EXPECT_EQ(bytes.size(), 4 * numbers * sizeof(float));
      EXPECT_TRUE(writer->Add<float>(section.name, Floats(numbers * (kMaxDimension + 1))).ok());
    } else if (section.name == shape_name) {
      std::vector<uint64_t> shape(bytes.size() / sizeof(uint64_t));
      std::memcpy(shape.data(), bytes.data(), bytes.size());
      std::replace(shape.begin() + 2, shape.begin() + 4, uint64_t{4}, uint64_t{kMaxDimension + 1});
      EXPECT_TRUE(writer->Add<uint64_t>(section.name, shape).ok());
    } else {
      EXPECT_TRUE(writer->Add<uint8_t>(section.name, bytes).ok());
    }
  }
  EXPECT_TRUE(writer->Finish().ok());
  return Index::Open(SnapshotFile::Open(env, "longer").value()).status();
}

TEST(Limits, AFileOfLongerVectorsIsRefused) {
  const Status exact = OpenLonger<ExactIndex>("exact.shape", "exact.mean", 1);
  EXPECT_EQ(exact.code(), StatusCode::kDataLoss);
  EXPECT_NE(exact.message().find("65537"), std::string::npos) << exact;
  EXPECT_EQ(OpenLonger<IvfIndex>("ivf.shape", "ivf.query_map", 4).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace tandem::index
