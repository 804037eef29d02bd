#include "tandem/bundle/testing/tiny_bundle.h"

#include <gtest/gtest.h>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/writer.h"

namespace tandem::bundle::testing {
namespace {

TEST(TinyBundle, IsWrittenAndOpensAsWhatItWas) {
  for (const model::QueryFeature query :
       {model::QueryFeature::kUserId, model::QueryFeature::kHistory}) {
    for (const model::RatingHead rating :
         {model::RatingHead::kNone, model::RatingHead::kMlp, model::RatingHead::kFactors}) {
      TinyOptions options;
      options.config.query = query;
      options.config.rating = rating;
      options.config.popularity = model::PopularityTerm::kLastCoordinate;
      MemoryEnv env;
      const Bundle made = TinyBundle(1, options);
      ASSERT_EQ(WriteNextVersion(env, "base", made).value(), 1);
      const auto opened = Open(env, "base");
      ASSERT_TRUE(opened.ok()) << opened.status();
      const Bundle& read = **opened;
      EXPECT_EQ(read.version, 1);
      EXPECT_TRUE(read.users.ids == made.users.ids);
      EXPECT_TRUE(read.items.ids == made.items.ids);
      EXPECT_EQ(read.items.titles, made.items.titles);
      EXPECT_EQ(read.items.by_popularity, made.items.by_popularity);
      EXPECT_EQ(read.items.embeddings, made.items.embeddings);
      EXPECT_EQ(read.users.embeddings, made.users.embeddings);
      EXPECT_EQ(read.users.unknown, made.users.unknown);
      EXPECT_EQ(read.users.history.values, made.users.history.values);
    }
  }
}

TEST(TinyBundle, IsTheSameForASeedAndAnotherForAnother) {
  EXPECT_EQ(TinyBundle(3).users.embeddings, TinyBundle(3).users.embeddings);
  EXPECT_NE(TinyBundle(3).users.embeddings, TinyBundle(4).users.embeddings);
}

TEST(TinyBundle, FirstUserHasSeenNothingAndTheSecondAllButThree) {
  const Bundle bundle = TinyBundle(1);
  EXPECT_EQ(bundle.users.history[0].size(), 0U);
  EXPECT_EQ(bundle.users.history[1].size(), 57U);
  EXPECT_EQ(bundle.UserRow("40"), 39);
  EXPECT_EQ(bundle.UserRow("41"), -1);
  EXPECT_EQ(bundle.ItemRow("514"), 59);
}

TEST(TinyBundle, ScoresLieFurtherApartThanGoldenSamplesAllow) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const GoldenSample& sample : TinyBundle(seed).golden) {
      if (sample.top_scores.size() < 10) continue;
      EXPECT_GT(sample.top_scores.front(), sample.top_scores.back() + 0.1F) << sample.user_id;
    }
  }
}

}  // namespace
}  // namespace tandem::bundle::testing
