#include "tandem/bundle/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/index/exact_index.h"

namespace tandem::bundle {
namespace {

using testing::TinyBundle;
using testing::TinyOptions;

// The parameter of a tower, to make it another than it was at export.
std::span<float> Values(const Bundle& bundle, std::string_view name) {
  for (nn::Parameter* parameter : const_cast<model::TwoTower&>(*bundle.model).Parameters()) {
    if (parameter->name() == name) return parameter->value().values();
  }
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

class GoldenTest : public ::testing::TestWithParam<model::QueryFeature> {
 protected:
  static Bundle Make() {
    TinyOptions options;
    options.config.query = GetParam();
    return TinyBundle(1, options);
  }

  static void ExpectRefused(const Bundle& bundle, std::string_view words) {
    const Status status = ReplayGolden(bundle);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find(words), std::string::npos) << status;
  }
};

TEST_P(GoldenTest, RecordsKnownUsersAnUnknownOneAndHistoriesWhereTheTowerTakesThem) {
  const Bundle bundle = Make();
  const auto known = std::count_if(
      bundle.golden.begin(), bundle.golden.end(),
      [&](const GoldenSample& sample) { return bundle.UserRow(sample.user_id) >= 0; });
  const auto anonymous =
      std::count_if(bundle.golden.begin(), bundle.golden.end(),
                    [](const GoldenSample& sample) { return sample.user_id.empty(); });
  EXPECT_EQ(known, 32);
  EXPECT_EQ(anonymous, GetParam() == model::QueryFeature::kHistory ? 5 : 0);
  EXPECT_EQ(static_cast<int64_t>(bundle.golden.size()), known + anonymous + 1);
  EXPECT_TRUE(ReplayGolden(bundle).ok());
}

TEST_P(GoldenTest, RefusesAQueryTowerThatNoLongerGivesTheStoredEmbeddings) {
  Bundle bundle = Make();
  const bool history = GetParam() == model::QueryFeature::kHistory;
  // Of one user alone, or of one film: embeddings, index and answers are all as recorded.
  const std::span<float> table = Values(bundle, history ? "query/history" : "query/user");
  for (size_t j = 0; j < 8; ++j) table[8 + j] += 0.5F;
  ExpectRefused(bundle, "query tower");
}

TEST_P(GoldenTest, RefusesAnItemTowerThatNoLongerGivesTheStoredEmbeddings) {
  Bundle bundle = Make();
  const int32_t best = bundle.golden[0].top_items[0];
  Values(bundle, "item/id")[(static_cast<size_t>(best) + 1) * 8] += 0.01F;
  ExpectRefused(bundle, StrCat("item tower's embedding of row ", best));
}

TEST_P(GoldenTest, RefusesAStoredEmbeddingThatIsAnother) {
  Bundle bundle = Make();
  bundle.users.embeddings[0] += 0.01F;
  ExpectRefused(bundle, "golden sample 0");
}

TEST_P(GoldenTest, TakesWhatAnotherInstructionSetRounds) {
  Bundle bundle = Make();
  for (GoldenSample& sample : bundle.golden) {
    for (float& x : sample.embedding) x += 5e-5F * std::max(1.0F, std::abs(x));
    for (float& x : sample.top_scores) x -= 5e-5F * std::max(1.0F, std::abs(x));
  }
  const Status status = ReplayGolden(bundle);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(GoldenTest, RefusesOtherItemsUnlessTheyTie) {
  Bundle bundle = Make();
  GoldenSample& sample = bundle.golden[5];
  const GoldenSample good = sample;
  std::swap(sample.top_items[0], sample.top_items[9]);  // scores more than 0.1 apart
  ExpectRefused(bundle, "item 0");
  for (const int32_t outside : {-1, 60, 1 << 30}) {
    sample = good;
    sample.top_items[3] = outside;
    ExpectRefused(bundle, "item 3");
  }
  sample = good;
  sample.top_items.pop_back();
  ExpectRefused(bundle, "the number of items");
}

TEST_P(GoldenTest, RefusesABundleWithoutSamples) {
  Bundle bundle = Make();
  bundle.golden.clear();
  ExpectRefused(bundle, "no golden samples");
}

INSTANTIATE_TEST_SUITE_P(Towers, GoldenTest,
                         ::testing::Values(model::QueryFeature::kUserId,
                                           model::QueryFeature::kHistory),
                         [](const auto& instance) { return std::string(Name(instance.param)); });

TEST(Golden, TakesItemsThatTieInEitherOrder) {
  TinyOptions options;
  options.config.item = model::ItemFeatures::kId;
  Bundle bundle = TinyBundle(1, options);
  // The second best item of the sixth sample becomes a copy of the best, in the tower and in what
  // the bundle keeps.
  const auto best = static_cast<size_t>(bundle.golden[5].top_items[0]);
  const auto copy = static_cast<size_t>(bundle.golden[5].top_items[1]);
  const std::span<float> table = Values(bundle, "item/id");
  for (size_t j = 0; j < 8; ++j) {
    table[(copy + 1) * 8 + j] = table[(best + 1) * 8 + j];
    bundle.items.embeddings[copy * 8 + j] = bundle.items.embeddings[best * 8 + j];
  }
  bundle.index = index::ExactIndex::Create(bundle.items.embeddings, 60, 8).value();
  bundle.golden = RecordGolden(bundle);
  GoldenSample& sample = bundle.golden[5];
  ASSERT_EQ(sample.top_scores[0], sample.top_scores[1]);
  std::swap(sample.top_items[0], sample.top_items[1]);
  EXPECT_TRUE(ReplayGolden(bundle).ok()) << ReplayGolden(bundle);
  std::swap(sample.top_items[1], sample.top_items[2]);
  EXPECT_FALSE(ReplayGolden(bundle).ok()) << "the third is no tie";
}

}  // namespace
}  // namespace tandem::bundle
