// What of a LiveIndex goes into a file: the engine that it has, or nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/index_file.h"
#include "tandem/index/ivf_index.h"
#include "tandem/index/live_index.h"
#include "tandem/index/naive_index.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;
using ::testing::HasSubstr;

Result<std::unique_ptr<ItemIndex>> BuildIvf(Metric metric, std::span<const float> rows, int64_t n,
                                            int64_t d) {
  IvfOptions options;
  options.metric = metric;
  options.target_recall = 0.8;
  TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ItemIndex> index, IvfIndex::Create(rows, n, d, options));
  return index;
}

TEST(LiveSaveTest, AnApproximateIndexIsSavedOpenedAndGoesOnAsOne) {
  for (const Metric metric : kMetrics) {
    SCOPED_TRACE(MetricName(metric));
    const auto build = [metric](std::span<const float> rows, int64_t n, int64_t d) {
      return BuildIvf(metric, rows, n, d);
    };
    const auto index =
        LiveIndex::Create(5, {.metric = metric, .merge_in_background = false, .build = build});
    Rng rng(13);
    Floats vector(5);
    for (int i = 0; i < 400; ++i) {
      for (float& x : vector) x = rng.Normal();
      ASSERT_TRUE((*index)->Upsert(std::to_string(i), vector).ok());
    }
    MemoryEnv env;
    const Status saved = (*index)->Save(env, "i");
    ASSERT_TRUE(saved.ok()) << saved;
    const auto file = OpenIndexFile(env, "i");
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_NE(file->ivf, nullptr);
    EXPECT_EQ(file->metric, metric);
    EXPECT_EQ(file->ids.Find("399"), 399);

    const auto opened = LiveIndex::Open(env, "i", {.merge_in_background = false});
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->metric(), metric);
    EXPECT_EQ(*(*opened)->Search(vector, 10), *(*index)->Search(vector, 10));
    ASSERT_TRUE((*opened)->Upsert("new", vector).ok());
    ASSERT_TRUE((*opened)->Delete("7").ok());
    ASSERT_TRUE((*opened)->Save(env, "j").ok());
    const auto next = OpenIndexFile(env, "j");
    ASSERT_TRUE(next.ok()) << next.status();
    ASSERT_NE(next->ivf, nullptr);
    EXPECT_EQ(next->ivf->target_recall(), 0.8) << "that of the file it was opened from";
    EXPECT_EQ(next->ids.Find("new"), 399);
    EXPECT_EQ(next->ids.Find("7"), -1);
  }
}

TEST(LiveSaveTest, RowsOfBytesStayRowsOfBytes) {
  MemoryEnv env;
  const Floats rows = {0.3F, 1, 0.2F, -1, 0.1F, 0.4F};
  const auto bytes = ExactIndex::Create(rows, 3, 2, {.rows = RowFormat::kInt8}).value();
  ASSERT_TRUE(WriteIndexFile(env, "i", *bytes, IdMap::Identity(3), AttributeTable(3)).ok());
  const auto index = LiveIndex::Open(env, "i").value();
  ASSERT_TRUE(index->Upsert("new", Floats{0.1F, 0.2F}).ok());
  ASSERT_TRUE(index->Save(env, "i").ok());
  const auto file = OpenIndexFile(env, "i");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->exact->row_format(), RowFormat::kInt8);
  EXPECT_EQ(file->exact->size(), 4);
}

TEST(LiveSaveTest, WhatNoFileCanHoldIsNotSaved) {
  // Searches by another metric than the live index: right for cosine, wrong once it is opened.
  const auto dot = [](std::span<const float> rows, int64_t n, int64_t d) {
    return BuildIvf(Metric::kDot, rows, n, d);
  };
  const auto naive = [](std::span<const float> rows, int64_t n,
                        int64_t d) -> Result<std::unique_ptr<ItemIndex>> {
    EXPECT_EQ(rows.size(), static_cast<size_t>(n * d));
    return std::unique_ptr<ItemIndex>(std::make_unique<NaiveIndex>(rows, d));
  };
  MemoryEnv env;
  for (const LiveOptions& options : {LiveOptions{.metric = Metric::kCosine, .build = dot},
                                     LiveOptions{.metric = Metric::kDot, .build = naive}}) {
    const auto index = LiveIndex::Create(1, options).value();
    ASSERT_TRUE(index->Upsert("a", Floats{1}).ok());
    const Status status = index->Save(env, "i");
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
    EXPECT_THAT(status.message(), HasSubstr(MetricName(options.metric)));
  }
  EXPECT_TRUE(env.ListDirectory(".")->empty());
}

}  // namespace
}  // namespace tandem::index
