#include "tandem/index/engine_choice.h"

#include <gtest/gtest.h>

#include <vector>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

std::vector<float> Rows(size_t n, size_t d) {
  Rng rng(1);
  std::vector<float> rows(n * d);
  for (float& x : rows) x = rng.Normal();
  return rows;
}

// Each look at the clock after the first of a pass adds what a pass of the engine takes: three
// passes, two looks each.
struct Clock {
  std::vector<double> passes;  // seconds of each, the exact engine's first
  double now = 0;
  size_t looks = 0;
  double operator()() {
    if (looks++ % 2 == 1) now += passes[looks / 2 - 1];
    return now;
  }
};

// 64 queries in 0.0032 s are 50 us each.
TEST(EngineChoice, IsExactWhereThatIsCheap) {
  const std::vector<float> rows = Rows(300, 6);
  const auto choice = BuildCheaperEngine(rows, 300, 6, {}, {}, Clock{{1, 0.0032, 1}});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_NE(choice->exact, nullptr);
  EXPECT_EQ(choice->ivf, nullptr);
  EXPECT_TRUE(choice->index().is_exact());
  EXPECT_EQ(choice->reason, "exact: it answers in 50 us, within 100 us");
}

// 64 queries in 0.064 s are 1,000 us each, in 0.016 s 250 us.
TEST(EngineChoice, IsApproximateWhereThatTakesLessThanHalf) {
  const std::vector<float> rows = Rows(300, 6);
  const auto choice = BuildCheaperEngine(rows, 300, 6, {}, {}, Clock{{1, 0.064, 1, 0.016, 1, 1}});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->exact, nullptr);
  ASSERT_NE(choice->ivf, nullptr);
  EXPECT_FALSE(choice->index().is_exact());
  EXPECT_EQ(choice->reason.find("ivf: an exact answer takes 1000 us, an approximate one 250 us at"),
            0U)
      << choice->reason;
}

TEST(EngineChoice, IsExactWhereAnApproximateOneSavesLittle) {
  const std::vector<float> rows = Rows(300, 6);
  const auto choice = BuildCheaperEngine(rows, 300, 6, {}, {}, Clock{{1, 0.064, 1, 1, 0.04, 1}});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_NE(choice->exact, nullptr);
  EXPECT_EQ(choice->ivf, nullptr);
  EXPECT_EQ(choice->reason.find("exact: an exact answer takes 1000 us, an approximate one 625 us"),
            0U)
      << choice->reason;
}

TEST(EngineChoice, RefusesTwoMetricsAndPassesOnErrors) {
  const std::vector<float> rows = Rows(300, 6);
  EXPECT_FALSE(
      BuildCheaperEngine(rows, 300, 6, {.metric = Metric::kL2}, {}, Clock{{1, 1, 1}}).ok());
  EXPECT_FALSE(BuildCheaperEngine(rows, 299, 6, {}, {}, Clock{{1, 1, 1}}).ok());
}

}  // namespace
}  // namespace tandem::index
