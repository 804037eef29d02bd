#include "tandem/base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace tandem {
namespace {

// The expected numbers come from a program in Python with unbounded integers, which was itself
// checked on the state {1, 2, 3, 4}, whose first outputs are 11520, 0, 1509978240.
TEST(RngTest, DrawsTheNumbersOfXoshiro256StarStarSeededBySplitMix64) {
  Rng zero(0);
  EXPECT_EQ(zero.Next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(zero.Next(), 0xbf6e1f784956452au);
  EXPECT_EQ(zero.Next(), 0x1a5f849d4933e6e0u);
  EXPECT_EQ(zero.Next(), 0x6aa594f1262d2d2cu);
  EXPECT_EQ(zero.Next(), 0xbba5ad4a1f842e59u);
  Rng small(42);
  EXPECT_EQ(small.Next(), 0x15780b2e0c2ec716u);
  EXPECT_EQ(small.Next(), 0x6104d9866d113a7eu);
  EXPECT_EQ(small.Next(), 0xae17533239e499a1u);
  Rng large(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(large.Next(), 0x8f5520d52a7ead08u);
  EXPECT_EQ(large.Next(), 0xc476a018caa1802du);
}

TEST(RngTest, ForkDrawsTheNumbersOfItsNameAndIndex) {
  Rng fork = Rng(42).Fork("negatives", 7);
  EXPECT_EQ(fork.Next(), 0xc8bbef4fb67f3ef3u);
  EXPECT_EQ(fork.Next(), 0xca29cd8f06326f67u);
  EXPECT_EQ(fork.Next(), 0xf78cd56f4d47bc50u);
}

TEST(RngTest, ForkDoesNotDependOnTheDrawsBeforeIt) {
  Rng parent(5);
  Rng before = parent.Fork("shuffle", 3);
  for (int i = 0; i < 1000; ++i) parent.Next();
  Rng after = parent.Fork("shuffle", 3);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(before.Next(), after.Next());
}

TEST(RngTest, ForkLeavesItsParentAlone) {
  Rng forked(5);
  Rng untouched(5);
  static_cast<void>(forked.Fork("shuffle"));
  EXPECT_EQ(forked.Next(), untouched.Next());
}

TEST(RngTest, StreamsOfOtherSeedsNamesAndIndicesDiffer) {
  std::set<uint64_t> first;
  size_t streams = 0;
  for (const uint64_t seed : {0u, 1u, 2u}) {
    for (const char* purpose : {"", "a", "b", "ab", "ba"}) {
      for (uint64_t index = 0; index < 100; ++index, ++streams) {
        first.insert(Rng(seed).Fork(purpose, index).Next());
      }
    }
  }
  EXPECT_EQ(first.size(), streams);  // 64-bit values: 1500 of them meet by chance once in 1e13
}

// Of n cells with equal odds, sum (seen - expected)^2 / expected is chi-square with n - 1 degrees
// of freedom. For 6 of them P(X > 40) = exp(-20) (1 + 20 + 20^2 / 2) = 4.6e-7. The seed is fixed,
// so a correct generator passes always.
TEST(RngTest, UniformIntFillsItsCellsEvenly) {
  Rng rng(2024);
  std::array<int, 7> seen = {};
  constexpr int kDraws = 700'000;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t value = rng.UniformInt(7);
    ASSERT_LT(value, 7u);
    ++seen[value];
  }
  const double expected = kDraws / 7.0;
  double chi_square = 0;
  for (const int count : seen) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 40.0);
}

// With n = 3 * 2^62 a plain Next() % n would land in the lowest third with odds 1/2. Here it is
// 1/3: of 30000 draws 10000, with a standard deviation of sqrt(30000 * 1/3 * 2/3) = 82.
TEST(RngTest, UniformIntHasNoModuloBias) {
  Rng rng(9);
  constexpr uint64_t kThird = uint64_t{1} << 62;
  int lowest = 0;
  for (int i = 0; i < 30'000; ++i) lowest += rng.UniformInt(3 * kThird) < kThird ? 1 : 0;
  EXPECT_NEAR(lowest, 10'000, 5 * 82);
}

TEST(RngTest, UniformIntOfOneIsZero) {
  Rng rng(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.UniformInt(1), 0u);
}

TEST(RngTest, UniformFloatIsTheTopBitsOverTwoToThe24) {
  Rng rng(42);
  EXPECT_EQ(rng.UniformFloat(), 1406987.0f / 16777216.0f);  // 0x15780b2e... >> 40 = 0x15780b
  EXPECT_EQ(rng.UniformFloat(), 6358233.0f / 16777216.0f);
  for (int i = 0; i < 100'000; ++i) {
    const float value = rng.UniformFloat();
    ASSERT_GE(value, 0.0f);
    ASSERT_LT(value, 1.0f);
  }
}

TEST(RngTest, NormalIsBoxMuller) {
  Rng rng(42);
  EXPECT_NEAR(rng.Normal(), -1.6132237513849157, 1e-6);
  EXPECT_NEAR(rng.Normal(), 0.7816920450573488, 1e-6);
  EXPECT_NEAR(rng.Normal(), 0.015871293375984856, 1e-6);
}

// Of n draws the mean has standard deviation 1/sqrt(n), the variance sqrt(2/n); 5 of each.
TEST(RngTest, NormalHasMeanZeroAndVarianceOne) {
  Rng rng(3);
  constexpr int kDraws = 200'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.Normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, 5 * std::sqrt(2.0 / kDraws));
}

TEST(RngTest, ShuffleIsAPermutation) {
  Rng rng(8);
  for (size_t n = 0; n < 50; ++n) {
    std::vector<int> values(n);
    std::iota(values.begin(), values.end(), 0);
    const std::vector<int> sorted = values;
    rng.Shuffle(std::span<int>(values));
    EXPECT_TRUE(std::is_permutation(values.begin(), values.end(), sorted.begin()));
  }
}

// 6 orders of 3 values, so 5 degrees of freedom, bounded by the 40 of 6 (see above).
TEST(RngTest, ShuffleMakesEveryOrderEquallyOften) {
  Rng rng(77);
  std::map<std::array<int, 3>, int> seen;
  constexpr int kShuffles = 60'000;
  for (int i = 0; i < kShuffles; ++i) {
    std::array<int, 3> values = {0, 1, 2};
    rng.Shuffle(std::span<int>(values));
    ++seen[values];
  }
  ASSERT_EQ(seen.size(), 6u);
  double chi_square = 0;
  for (const auto& order : seen) chi_square += std::pow(order.second - 10'000.0, 2) / 10'000.0;
  EXPECT_LT(chi_square, 40.0);
}

}  // namespace
}  // namespace tandem
