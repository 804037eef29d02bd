#include "tandem/math/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/math/testing/every_target.h"

namespace tandem::math {
namespace {

std::vector<float> Normals(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

TEST(Kernels, DotEqualsTheSumInDoubleAtEveryLength) {
  OnEveryTarget([] {
    for (size_t n = 0; n <= 200; ++n) {
      const std::vector<float> a = Normals(n, 2 * n);
      const std::vector<float> b = Normals(n, 2 * n + 1);
      double sum = 0;
      double size = 0;
      for (size_t i = 0; i < n; ++i) {
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        size += std::abs(static_cast<double>(a[i]) * static_cast<double>(b[i]));
      }
      // Each of at most n roundings is half a unit in the last place of a partial sum.
      EXPECT_NEAR(Dot(a, b), sum, 1e-7 * size * 4 + 1e-12) << n;
    }
  });
}

TEST(Kernels, AxpyAddsAMultipleAtEveryLength) {
  OnEveryTarget([] {
    for (size_t n = 0; n <= 70; ++n) {
      const std::vector<float> x = Normals(n, n);
      const std::vector<float> before = Normals(n, n + 1000);
      std::vector<float> y = before;
      Axpy(-2.5F, x, y);
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(y[i], before[i] - 2.5F * x[i], 1e-6F) << n;
    }
  });
}

TEST(Kernels, MaxIsTheLargestElementWhereverItStands) {
  OnEveryTarget([] {
    EXPECT_EQ(Max({}), -std::numeric_limits<float>::infinity());
    for (size_t n = 1; n <= 70; ++n) {
      for (size_t at = 0; at < n; ++at) {
        std::vector<float> x(n, -3.0F);
        x[at] = -1.0F;
        EXPECT_EQ(Max(x), -1.0F) << n << " " << at;
      }
    }
  });
}

TEST(Kernels, AllFiniteSeesWhatIsNotAtAnyPlace) {
  OnEveryTarget([] {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    EXPECT_TRUE(AllFinite({}));
    for (const size_t n : {1U, 7U, 16U, 37U}) {
      std::vector<float> x(n, std::numeric_limits<float>::max());
      x[n / 2] = -std::numeric_limits<float>::denorm_min();
      EXPECT_TRUE(AllFinite(x));
      for (size_t i = 0; i < n; ++i) {
        for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
          std::vector<float> with = x;
          with[i] = bad;
          EXPECT_FALSE(AllFinite(with)) << n << " " << i << " " << bad;
        }
      }
    }
  });
}

TEST(Kernels, LeastOfLargestLeavesAtLeastKAndFewMore) {
  OnEveryTarget([] {
    for (size_t n = 1; n <= 200; n += n < 20 ? 1 : 17) {
      const std::vector<float> x = Normals(n, n);
      for (size_t k = 1; k <= n; ++k) {
        const float least = LeastOfLargest(x, k);
        const auto count = static_cast<size_t>(
            std::count_if(x.begin(), x.end(), [least](float value) { return value >= least; }));
        EXPECT_GE(count, k);
        // 32 halvings leave nothing of a range of at most 8 where numbers are 1/20 apart or more at
        // the ends and 2.5 / n in the middle.
        EXPECT_LE(count, k + k / 8 + 1) << n;
      }
    }
    // All alike, and nearly all.
    EXPECT_EQ(LeastOfLargest(std::vector<float>(50, 3.0F), 7), 3);
    std::vector<float> one_above(50, -1.0F);
    one_above[20] = 5;
    EXPECT_GT(LeastOfLargest(one_above, 1), -1);
    EXPECT_EQ(LeastOfLargest(one_above, 2), -1);
    // One far above the others, which are told apart all the same: 1,000,000 / 2^32 < 1 / 1,000.
    std::vector<float> far(50);
    for (size_t i = 0; i < far.size(); ++i) far[i] = static_cast<float>(i) / 1000;
    far[20] = 1e6F;
    const float fifth = LeastOfLargest(far, 5);
    EXPECT_EQ(std::count_if(far.begin(), far.end(), [&](float x) { return x >= fifth; }), 5);
  });
}

TEST(Kernels, IndicesAtLeastNamesThemInOrderAndStaysInItsRoom) {
  OnEveryTarget([] {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (size_t n = 0; n <= 100; ++n) {
      std::vector<float> x = Normals(n, n);
      if (n > 3) x[3] = -kInfinity;
      if (n > 5) x[5] = 0.25F;
      for (const float least : {-kInfinity, -1e30F, -0.5F, 0.25F, 2.0F, kInfinity}) {
        std::vector<uint32_t> want;
        for (uint32_t i = 0; i < n; ++i) {
          if (x[i] >= least) want.push_back(i);
        }
        std::vector<uint32_t> indices(n + 1, 77);
        const size_t count = IndicesAtLeast(x, least, indices.data());
        EXPECT_EQ(indices[n], 77U);
        indices.resize(count);
        EXPECT_EQ(indices, want);
      }
    }
  });
}

TEST(Kernels, CountBitsCountsAnyNumberOfWords) {
  OnEveryTarget([] {
    Rng rng(5);
    std::vector<uint64_t> words;
    size_t expected = 0;
    for (size_t n = 0; n <= 70; ++n) {
      EXPECT_EQ(CountBits(words), expected);
      words.push_back(rng.Next());
      for (size_t bit = 0; bit < 64; ++bit) expected += words.back() >> bit & 1;
    }
  });
}

TEST(Kernels, ListBitsListsWholeWordsAsLongAsThereIsRoom) {
  OnEveryTarget([] {
    Rng rng(6);
    for (const double density : {0.0, 0.002, 0.03, 0.5, 1.0}) {
      std::vector<uint64_t> words(40);
      for (uint64_t& word : words) {
        for (int bit = 0; bit < 64; ++bit) {
          if (static_cast<double>(rng.UniformFloat()) < density) word |= uint64_t{1} << bit;
        }
      }
      words.front() |= 1;
      words.back() |= uint64_t{1} << 63;
      for (const size_t room : {63U, 64U, 200U, 3000U}) {
        std::vector<int32_t> want;
        size_t want_words = 0;
        for (; want_words < words.size() && want.size() + 64 <= room; ++want_words) {
          for (size_t bit = 0; bit < 64; ++bit) {
            if ((words[want_words] >> bit & 1) == 0) continue;
            want.push_back(static_cast<int32_t>(6400 + 64 * want_words + bit));
          }
        }
        for (const double told : {0.0, 0.03, 1.0}) {  // right or wrong
          std::vector<int32_t> numbers(room + 1, -7);
          const ListedBits listed = ListBits(words, told, 6400, std::span(numbers).first(room));
          EXPECT_EQ(listed.words, want_words);
          EXPECT_EQ(numbers[room], -7);
          ASSERT_EQ(listed.count, want.size());
          numbers.resize(listed.count);
          EXPECT_EQ(numbers, want);
        }
      }
    }
  });
}

TEST(Kernels, ExpSubtractSumIsNearTheExponentialAndSumsIt) {
  OnEveryTarget([] {
    for (size_t n = 0; n <= 70; ++n) {
      std::vector<float> x(n);
      for (size_t i = 0; i < n; ++i) x[i] = -80.0F + 2.0F * static_cast<float>(i);
      const std::vector<float> before = x;
      const float sum = ExpSubtractSum(x, 3.0F);
      double want_sum = 0;
      for (size_t i = 0; i < n; ++i) {
        const double want = std::exp(static_cast<double>(before[i]) - 3.0);
        EXPECT_NEAR(x[i], want, 1e-6 * want) << before[i];
        want_sum += want;
      }
      EXPECT_NEAR(sum, want_sum, 1e-5 * want_sum);
    }
  });
}

TEST(Kernels, ExpIsAccurateOverItsWholeRange) {
  OnEveryTarget([] {
    double worst = 0;
    for (int i = -86 * 512; i <= 87 * 512; i += 8) {
      std::vector<float> x(8);
      for (int j = 0; j < 8; ++j) x[static_cast<size_t>(j)] = static_cast<float>(i + j) / 512;
      const std::vector<float> before = x;
      ExpSubtractSum(x, 0.0F);
      for (size_t j = 0; j < 8; ++j) {
        const double want = std::exp(static_cast<double>(before[j]));
        worst = std::max(worst, std::abs(static_cast<double>(x[j]) - want) / want);
      }
    }
    EXPECT_LE(worst, 2e-7);
  });
}

TEST(Kernels, ExpIsZeroFarBelowTheShift) {
  OnEveryTarget([] {
    std::vector<float> x = {0.0F, -200.0F, -std::numeric_limits<float>::infinity(), -3.4e36F};
    EXPECT_EQ(ExpSubtractSum(x, 0.0F), 1.0F);
    EXPECT_EQ(x, (std::vector<float>{1, 0, 0, 0}));
  });
}

TEST(Kernels, SquaredDistanceIsTheSumOfSquares) {
  OnEveryTarget([] {
    for (size_t n = 0; n <= 100; ++n) {
      const std::vector<float> a = Normals(n, n);
      const std::vector<float> b = Normals(n, n + 1000);
      double sum = 0;
      for (size_t i = 0; i < n; ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        sum += difference * difference;
      }
      // A rounding of each difference counts twice, then one a product and one a sum.
      EXPECT_NEAR(SquaredDistance(a, b), sum, 0x1p-24 * static_cast<double>(n + 3) * sum) << n;
    }
  });
}

TEST(Kernels, RowsAtPlacesScoreAsTheyDoAlone) {
  OnEveryTarget([] {
    for (const size_t d : {1U, 7U, 16U, 33U, 100U}) {
      const std::vector<float> rows = Normals(50 * d, d);
      const std::vector<float> query = Normals(d, d + 1);
      const std::vector<uint32_t> places = {49, 0, 7, 7, 30};
      std::vector<float> dots(places.size());
      std::vector<float> distances(places.size());
      DotAt(query, rows.data(), places, dots);
      SquaredDistanceAt(query, rows.data(), places, distances);
      for (size_t i = 0; i < places.size(); ++i) {
        const std::span<const float> row = std::span(rows).subspan(places[i] * d, d);
        EXPECT_EQ(dots[i], Dot(query, row));
        EXPECT_EQ(distances[i], SquaredDistance(query, row));
      }
      std::vector<float> all(50);
      DotRows(query, rows.data(), all);
      for (size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(all[i], Dot(query, std::span(rows).subspan(i * d, d)));
      }
    }
  });
}

TEST(Kernels, DecodeInt8ScalesEveryCode) {
  OnEveryTarget([] {
    std::vector<int8_t> codes;
    for (int code = -128; code <= 127; ++code) codes.push_back(static_cast<int8_t>(code));
    for (size_t n = 0; n <= codes.size(); n += 5) {
      std::vector<float> x(n);
      DecodeInt8(0.25F, std::span(codes).first(n), x);
      for (size_t i = 0; i < n; ++i) {
        EXPECT_EQ(x[i], 0.25F * static_cast<float>(static_cast<int>(i) - 128));
      }
    }
  });
}

}  // namespace
}  // namespace tandem::math
