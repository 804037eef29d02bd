// The whole of training in memory: rows in, bundle out, written, read, damaged.
#include "tandem/training/run.h"

#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/golden.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/writer.h"

namespace tandem::training {
namespace {

// 24 users of two tastes: the first half likes items 0 to 9, the second 10 to 19.
std::string TwoTastes() {
  std::string rows;
  Rng rng(3);
  for (int user = 0; user < 24; ++user) {
    for (int i = 0; i < 8; ++i) {
      const int item = static_cast<int>(rng.UniformInt(10)) + (user < 12 ? 0 : 10);
      rows += StrCat("u", user, '\t', "i", item, '\t', 1 + (user + item) % 5, '\t', i, '\n');
    }
  }
  return rows;
}

TrainingConfig HistoryConfig() {
  TrainingConfig config;
  config.data.train = "train.tsv";
  config.data.layout = "tsv";
  config.model.dimension = 8;
  config.model.query = model::QueryFeature::kHistory;
  config.model.popularity = model::PopularityTerm::kLastCoordinate;
  config.model.rating = model::RatingHead::kFactors;
  config.model.rating_dimension = 4;
  config.retrieval.loss = RetrievalLoss::kFullSoftmax;
  config.retrieval.history_dropout = 0.5;
  config.optimizer.kind = OptimizerKind::kAdam;
  config.optimizer.learning_rate = 0.05;
  config.epochs = 30;
  config.batch_by = BatchBy::kUser;
  config.batch_size = 0;
  return config;
}

TrainingConfig ParityConfig() {
  TrainingConfig config;
  config.data.train = "train.tsv";
  config.data.layout = "tsv";
  config.model.dimension = 8;
  config.model.rating_layers = {16};
  config.batch_size = 32;
  config.retrieval.logq = true;
  config.retrieval.remove_accidental_hits = true;
  return config;
}

class RunTest : public ::testing::TestWithParam<bool> {
 protected:
  RunTest() { EXPECT_TRUE(env_.WriteFile("train.tsv", TwoTastes()).ok()); }

  static TrainingConfig Config() { return GetParam() ? HistoryConfig() : ParityConfig(); }

  // Trains with that many threads and writes the next version of `base`.
  void TrainInto(const std::string& base, size_t threads) {
    Workers workers(threads);
    const auto trained = TrainBundle(env_, Config(), workers, {});
    ASSERT_TRUE(trained.ok()) << trained.status();
    const auto version = bundle::WriteNextVersion(env_, base, *trained);
    ASSERT_TRUE(version.ok()) << version.status();
  }

  MemoryEnv env_;
};

TEST_P(RunTest, WritesABundleThatReadsAndReplays) {
  TrainInto("b", 2);
  const auto bundle = bundle::Open(env_, "b");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ((*bundle)->version, 1);
  EXPECT_EQ((*bundle)->users.ids.size(), 24);
  EXPECT_EQ(bundle::TakesHistory(**bundle), GetParam());
  EXPECT_GE((*bundle)->golden.size(), 24U);
  TrainInto("b", 1);
  EXPECT_EQ(bundle::Open(env_, "b").value()->version, 2);
}

TEST_P(RunTest, GivesTheSameBytesAtAnyThreadCount) {
  TrainInto("one", 1);
  TrainInto("two", 2);
  EXPECT_EQ(bundle::Open(env_, "one").value()->fingerprint,
            bundle::Open(env_, "two").value()->fingerprint);
}

TEST_P(RunTest, ADamagedBundleIsRefusedAtEveryByteOfTheManifest) {
  TrainInto("b", 1);
  const std::string path = "b/1/manifest.json";
  const std::string good = env_.ReadFile(path).value();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ASSERT_TRUE(env_.WriteFile(path, bad).ok());
    EXPECT_EQ(bundle::ReadVersion(env_, "b/1").status().code(), StatusCode::kDataLoss) << i;
    ASSERT_TRUE(env_.WriteFile(path, good.substr(0, i)).ok());
    EXPECT_EQ(bundle::ReadVersion(env_, "b/1").status().code(), StatusCode::kDataLoss) << i;
  }
}

TEST_P(RunTest, ADamagedTensorFileIsRefusedByItsChecksum) {
  TrainInto("b", 1);
  for (const char* name : {"model.safetensors", "items.safetensors", "users.safetensors",
                           "golden.jsonl", "vocabulary/users.txt"}) {
    const std::string path = StrCat("b/1/", name);
    const std::string good = env_.ReadFile(path).value();
    for (size_t i = 0; i < good.size(); i += 97) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      ASSERT_TRUE(env_.WriteFile(path, bad).ok());
      const Status status = bundle::ReadVersion(env_, "b/1").status();
      EXPECT_EQ(status.code(), StatusCode::kDataLoss) << name << " " << i;
    }
    ASSERT_TRUE(env_.WriteFile(path, good).ok());
  }
}

TEST_P(RunTest, AnExportThatFailsAnywhereLeavesTheOldVersion) {
  TrainInto("b", 1);
  const std::string fingerprint = bundle::Open(env_, "b").value()->fingerprint;
  Workers workers(1);
  const auto trained = TrainBundle(env_, Config(), workers, {}).value();
  int failures = 0;
  for (int change = 1;; ++change) {
    env_.FailFromChange(change);
    const auto written = bundle::WriteNextVersion(env_, "b", trained);
    env_.FailFromChange(0);
    if (written.ok()) break;
    ++failures;
    EXPECT_EQ(bundle::Open(env_, "b").value()->fingerprint, fingerprint) << change;
  }
  EXPECT_GE(failures, 10) << "directories, nine files and a rename";
}

TEST_P(RunTest, GoldenSamplesRefuseAModelThatAnswersOtherwise) {
  Workers workers(1);
  auto trained = TrainBundle(env_, Config(), workers, {}).value();
  ASSERT_TRUE(bundle::ReplayGolden(trained).ok());
  trained.golden[3].embedding[0] += 0.01F;
  EXPECT_EQ(bundle::ReplayGolden(trained).code(), StatusCode::kDataLoss);
}

TEST_P(RunTest, RatesEveryPairUnknownOnesToo) {
  Workers workers(1);
  const auto trained = TrainBundle(env_, Config(), workers, {}).value();
  const int32_t users[] = {0, -1, 0, -1};
  const int32_t items[] = {0, 0, -1, -1};
  const auto ratings = bundle::PredictRatings(trained, users, items);
  ASSERT_TRUE(ratings.ok()) << ratings.status();
  EXPECT_EQ(ratings->size(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Models, RunTest, ::testing::Values(false, true), [](const auto& instance) {
  return instance.param ? "HistoryTower" : "MultitaskParity";
});

TEST(TrainBundle, LearnsTheTwoTastes) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("train.tsv", TwoTastes()).ok());
  Workers workers(2);
  std::vector<double> losses;
  RunObserver observer;
  observer.on_epoch = [&](const EpochReport& report) { losses.push_back(report.loss); };
  const auto trained = TrainBundle(env, HistoryConfig(), workers, observer);
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_LT(losses.back(), losses.front());
  // A user of the first half prefers item 0 to item 10, by the plain dot product.
  const auto embedding = bundle::UserEmbedding(*trained, "u0");
  const auto score = [&](std::string_view item) {
    float sum = 0;
    const auto row = static_cast<size_t>(trained->ItemRow(item));
    for (size_t j = 0; j < 8; ++j) sum += embedding[j] * trained->items.embeddings[row * 8 + j];
    return sum;
  };
  EXPECT_GT(score("i0"), score("i10"));
}

}  // namespace
}  // namespace tandem::training
