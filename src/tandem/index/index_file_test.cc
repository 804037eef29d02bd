#include "tandem/index/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/testing/seal.h"

namespace tandem::index {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 100;
constexpr int64_t kDimension = 5;

struct Parts {
  std::vector<float> rows;
  std::unique_ptr<ExactIndex> index;
  std::unique_ptr<IvfIndex> ivf;
  IdMap ids = IdMap::Identity(kRows);
  AttributeTable attributes{kRows};
};

Parts Make(Metric metric, uint64_t seed = 3) {
  Parts parts;
  Rng rng(seed);
  std::vector<std::string> names;
  std::vector<double> years;
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t j = 0; j < kDimension; ++j) parts.rows.push_back(rng.Normal());
    names.push_back(StrCat("item ", row));
    years.push_back(static_cast<double>(1900 + row));
  }
  parts.index =
      ExactIndex::Create(parts.rows, kRows, kDimension, ExactOptions{.metric = metric}).value();
  IvfOptions ivf;
  ivf.metric = metric;
  ivf.target_recall = 0.9;
  parts.ivf = IvfIndex::Create(parts.rows, kRows, kDimension, ivf).value();
  parts.ids = IdMap::Build(std::vector<std::string_view>(names.begin(), names.end())).value();
  EXPECT_TRUE(parts.attributes.AddNumbers("year", years).ok());
  return parts;
}

Status Write(Env& env, const Parts& parts) {
  return WriteIndexFile(env, "i.index", *parts.index, parts.ids, parts.attributes);
}

Status WriteIvf(Env& env, const Parts& parts) {
  return WriteIndexFile(env, "i.index", *parts.ivf, parts.ids, parts.attributes);
}

std::vector<int32_t> Search(const ItemIndex& index, std::span<const float> query) {
  std::vector<int32_t> rows(10);
  std::vector<float> scores(10);
  EXPECT_TRUE(index.Search(query, {.k = 10}, rows, scores).ok());
  return rows;
}

TEST(IndexFileTest, AnOpenedIndexAnswersAsTheOneThatWasWritten) {
  for (const Metric metric : kMetrics) {
    MemoryEnv env;
    const Parts parts = Make(metric);
    ASSERT_TRUE(Write(env, parts).ok());
    const auto opened = OpenIndexFile(env, "i.index");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->engine, "exact");
    EXPECT_EQ(opened->metric, metric);
    EXPECT_EQ(opened->index->size(), kRows);
    EXPECT_EQ(opened->index->dimension(), kDimension);
    for (int64_t row = 0; row < kRows; row += 7) {
      const auto query =
          std::span(parts.rows)
              .subspan(static_cast<size_t>(row * kDimension), static_cast<size_t>(kDimension));
      EXPECT_EQ(Search(*opened->index, query), Search(*parts.index, query));
    }
    EXPECT_EQ(opened->ids.Find("item 42"), 42);
    ASSERT_EQ(opened->attributes.columns().size(), 1u);
    EXPECT_EQ(opened->attributes.columns()[0].name, "year");
    EXPECT_EQ(opened->attributes.columns()[0].numbers[42], 1942);
  }
}

TEST(IndexFileTest, AnApproximateEngineComesBackWithItsRecall) {
  for (const Metric metric : kMetrics) {
    MemoryEnv env;
    const Parts parts = Make(metric);
    ASSERT_TRUE(WriteIvf(env, parts).ok());
    const auto opened = OpenIndexFile(env, "i.index");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->engine, "ivf");
    EXPECT_EQ(opened->metric, metric);
    EXPECT_FALSE(opened->index->is_exact());
    ASSERT_NE(opened->ivf, nullptr);
    EXPECT_EQ(opened->ivf->target_recall(), 0.9);
    EXPECT_EQ(opened->ivf->efforts()[0].k, 10);
    EXPECT_EQ(opened->ivf->efforts()[0].measured_recall, parts.ivf->efforts()[0].measured_recall);
    for (int64_t row = 0; row < kRows; row += 7) {
      const auto query =
          std::span(parts.rows)
              .subspan(static_cast<size_t>(row * kDimension), static_cast<size_t>(kDimension));
      EXPECT_EQ(Search(*opened->index, query), Search(*parts.ivf, query));
    }
    EXPECT_EQ(opened->ids.Find("item 42"), 42);
    EXPECT_EQ(opened->attributes.columns()[0].numbers[42], 1942);
    ASSERT_TRUE(Write(env, parts).ok());
    EXPECT_EQ(OpenIndexFile(env, "i.index")->ivf, nullptr);
  }
}

TEST(IndexFileTest, APartLivesOnWithoutTheOthers) {
  MemoryEnv env;
  const Parts parts = Make(Metric::kDot);
  ASSERT_TRUE(Write(env, parts).ok());
  std::shared_ptr<const ItemIndex> index;
  {
    auto opened = OpenIndexFile(env, "i.index");
    ASSERT_TRUE(opened.ok()) << opened.status();
    index = opened->index;
  }
  const auto query = std::span(parts.rows).first(static_cast<size_t>(kDimension));
  EXPECT_EQ(Search(*index, query), Search(*parts.index, query));
}

TEST(IndexFileTest, PartsOfOtherSizesAreNotWritten) {
  MemoryEnv env;
  const Parts parts = Make(Metric::kDot);
  const Status few = WriteIndexFile(env, "i.index", *parts.index, IdMap::Identity(kRows - 1),
                                    AttributeTable(kRows));
  EXPECT_EQ(few.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(few.message(), HasSubstr("of 100 rows, got 99 and 100"));
  EXPECT_EQ(
      WriteIndexFile(env, "i.index", *parts.index, parts.ids, AttributeTable(kRows + 1)).code(),
      StatusCode::kInvalidArgument);
  EXPECT_TRUE(env.ListDirectory(".")->empty());
}

TEST(IndexFileTest, AnotherEngineIsToldByItsName) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "i.index");
  ASSERT_TRUE((*writer)->Add<char>("engine", std::string_view("magic")).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  const Status status = OpenIndexFile(env, "i.index").status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("i.index: has the engine 'magic'"));
  EXPECT_THAT(status.message(), HasSubstr("knows exact and ivf"));
}

TEST(IndexFileTest, ASnapshotOfSomethingElseIsRefused) {
  MemoryEnv env;
  {
    const auto writer = SnapshotWriter::Create(env, "i.index");
    ASSERT_TRUE((*writer)->Add<char>("users", std::string_view("x")).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  EXPECT_THAT(OpenIndexFile(env, "i.index").status().message(),
              HasSubstr("no section 'engine'; there are: users"));
}

TEST(IndexFileTest, AFullDiskLeavesTheOldIndex) {
  int n = 1;
  for (bool failed = true; failed; ++n) {
    ASSERT_LE(n, 200) << "never succeeds";
    MemoryEnv env;
    ASSERT_TRUE(Write(env, Make(Metric::kDot)).ok());
    const std::string before = *env.ReadFile("i.index");
    env.FailFromChange(n);
    failed = !Write(env, Make(Metric::kL2, 4)).ok();
    EXPECT_EQ(*env.ReadFile("i.index") == before, failed) << "change " << n;
    EXPECT_TRUE(OpenIndexFile(env, "i.index").ok());
  }
  EXPECT_GT(n, 10);
}

TEST(IndexFileTest, AFileCutAnywhereIsRefused) {
  MemoryEnv env;
  for (const bool ivf : {false, true}) {
    const Parts parts = Make(Metric::kL2);
    ASSERT_TRUE((ivf ? WriteIvf(env, parts) : Write(env, parts)).ok());
    const std::string whole = *env.ReadFile("i.index");
    for (size_t size = 0; size < whole.size(); size += size < 200 ? 1 : 13) {
      ASSERT_TRUE(env.WriteFile("i.index", whole.substr(0, size)).ok());
      const Status status = OpenIndexFile(env, "i.index").status();
      ASSERT_EQ(status.code(), StatusCode::kDataLoss) << size;
      ASSERT_THAT(status.message(), HasSubstr("i.index"));
    }
  }
}

// Damage behind matching checksums: an error, or an index that can be searched, in bounds.
void DamageAtRandom(MemoryEnv& env) {
  const std::string good = *env.ReadFile("i.index");
  const std::vector<float> query(static_cast<size_t>(kDimension), 1);
  Rng rng(11);
  int searched = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string bytes = good;
    for (int edit = 0; edit < 3; ++edit) {
      bytes[rng.UniformInt(bytes.size())] = static_cast<char>(rng.UniformInt(256));
    }
    ASSERT_TRUE(env.WriteFile("i.index", testing::Seal(bytes)).ok());
    const auto opened = OpenIndexFile(env, "i.index");
    if (!opened.ok()) continue;
    ++searched;
    std::vector<int32_t> rows(static_cast<size_t>(kRows));
    std::vector<float> scores(rows.size());
    if (!opened->index->Search(query, {.k = kRows}, rows, scores).ok()) continue;
    for (const int32_t row : rows) {
      ASSERT_GE(row, -1);
      ASSERT_LT(row, kRows);
      static_cast<void>(opened->ids.Id(std::max(row, 0)));
    }
  }
  EXPECT_GT(searched, 100);
}

TEST(IndexFileTest, RandomDamageNeverLeavesTheFile) {
  MemoryEnv env;
  ASSERT_TRUE(Write(env, Make(Metric::kDot)).ok());
  DamageAtRandom(env);
}

TEST(IndexFileTest, RandomDamageOfAnApproximateIndexNeverLeavesTheFile) {
  MemoryEnv env;
  ASSERT_TRUE(WriteIvf(env, Make(Metric::kDot)).ok());
  DamageAtRandom(env);
}

}  // namespace
}  // namespace tandem::index
