#include "tandem/math/kernels.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::math {
namespace {

std::vector<float> Normals(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

// Runs `body` once for each instruction set that is compiled and that this machine has.
template <typename Body>
void OnEveryTarget(const Body& body) {
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(TargetName());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
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

TEST(Kernels, ScoreRowsGivesTheBitsOfDot) {
  OnEveryTarget([] {
    for (const size_t d : {1U, 7U, 16U, 31U, 32U, 33U, 64U, 100U}) {
      const std::vector<float> rows = Normals(37 * d, d);
      const std::vector<float> query = Normals(d, d + 1);
      std::vector<float> scores(37);
      ScoreRows(query, rows, scores);
      for (size_t i = 0; i < scores.size(); ++i) {
        EXPECT_EQ(scores[i], Dot(query, std::span(rows).subspan(i * d, d)));
      }
    }
  });
}

TEST(Kernels, PlacesAtLeastFindsEachPlaceOnceInOrder) {
  OnEveryTarget([] {
    for (size_t n = 0; n <= 100; ++n) {
      const std::vector<float> x = Normals(n, n);
      std::vector<int32_t> want;
      for (size_t i = 0; i < n; ++i) {
        if (x[i] >= 0.5F) want.push_back(static_cast<int32_t>(i));
      }
      std::vector<int32_t> places(n);
      places.resize(PlacesAtLeast(x, 0.5F, places));
      EXPECT_EQ(places, want);
    }
  });
}

}  // namespace
}  // namespace tandem::math
