#include "tandem/math/tiles.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::math {
namespace {

template <typename Check>
void OnEveryTarget(const Check& check) {
  for (int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

int32_t Sum(const std::vector<int8_t>& query, const std::vector<uint8_t>& tile, size_t row) {
  int32_t sum = 0;
  for (size_t j = 0; j < query.size(); ++j) {
    const size_t place =
        j / kTileGroup * kTileRows * kTileGroup + row * kTileGroup + j % kTileGroup;
    sum += int32_t{query[j]} * int32_t{tile[place]};
  }
  return sum;
}

uint64_t AtLeast(const std::vector<int8_t>& query, const std::vector<uint8_t>& tile,
                 int32_t threshold) {
  uint64_t bits = 0;
  for (size_t row = 0; row < kTileRows; ++row) {
    bits |= uint64_t{Sum(query, tile, row) >= threshold} << row;
  }
  return bits;
}

TEST(Tiles, FindTheRowsWhoseSumIsAtLeastTheThreshold) {
  OnEveryTarget([] {
    Rng rng(1);
    for (size_t groups = 1; groups <= 40; ++groups) {
      std::vector<int8_t> query(groups * kTileGroup);
      for (int8_t& code : query) code = static_cast<int8_t>(int(rng.UniformInt(129)) - 64);
      std::vector<uint8_t> tile(groups * kTileGroup * kTileRows);
      for (uint8_t& byte : tile) byte = static_cast<uint8_t>(rng.UniformInt(256));
      std::vector<int32_t> sums;
      for (size_t row = 0; row < kTileRows; ++row) sums.push_back(Sum(query, tile, row));
      std::sort(sums.begin(), sums.end());
      // Each sum itself, and what is just beyond it.
      for (const int32_t sum : {sums[0], sums[13], sums[40], sums[63]}) {
        EXPECT_EQ(TileRowsAtLeast(query, tile.data(), sum), AtLeast(query, tile, sum));
        EXPECT_EQ(TileRowsAtLeast(query, tile.data(), sum + 1), AtLeast(query, tile, sum + 1));
      }
    }
  });
}

// 4 groups of (255, 255, 255, 255) . (64, 64, 64, 64) = 4 * 65,280 = 261,120: sums of pairs are
// 32,640, just inside 16 bits.
TEST(Tiles, DoNotOverflowAtTheLargestCodes) {
  OnEveryTarget([] {
    const std::vector<uint8_t> tile(4 * kTileGroup * kTileRows, 255);
    const std::vector<int8_t> most(4 * kTileGroup, kMostQueryCode);
    EXPECT_EQ(TileRowsAtLeast(most, tile.data(), 261'120), ~uint64_t{0});
    EXPECT_EQ(TileRowsAtLeast(most, tile.data(), 261'121), uint64_t{0});
    const std::vector<int8_t> least(4 * kTileGroup, -kMostQueryCode);
    EXPECT_EQ(TileRowsAtLeast(least, tile.data(), -261'120), ~uint64_t{0});
    EXPECT_EQ(TileRowsAtLeast(least, tile.data(), -261'119), uint64_t{0});
  });
}

TEST(Tiles, WeightedSumAddsThreeArrays) {
  OnEveryTarget([] {
    Rng rng(2);
    for (size_t n = 0; n <= 40; ++n) {
      std::vector<float> x(n), y(n), z(n), out(n);
      for (size_t i = 0; i < n; ++i) {  // eighths: every sum is exact
        x[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        y[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        z[i] = static_cast<float>(rng.UniformInt(64)) / 8;
      }
      WeightedSum(0.5F, x.data(), -2, y.data(), 3, z.data(), out);
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], x[i] / 2 - 2 * y[i] + 3 * z[i]);
    }
  });
}

TEST(Tiles, QuantiseRowRoundsToTheNearestStepAndSaysWhatThatLoses) {
  OnEveryTarget([] {
    Rng rng(3);
    for (size_t n = 1; n <= 70; ++n) {
      // From the least step to steps whose squares overflow.
      const float step =
          std::ldexp(1 + rng.UniformFloat(), static_cast<int>(rng.UniformInt(220)) - 120);
      std::vector<float> x(n);
      for (float& value : x) value = step * 127 * (2 * rng.UniformFloat() - 1);
      std::vector<uint8_t> codes(n + 1, 7);
      const Quantised lost = QuantiseRow(x, step, std::span(codes).first(n));
      EXPECT_EQ(codes[n], 7);
      double error = 0;
      double norm = 0;
      for (size_t i = 0; i < n; ++i) {
        const double steps = static_cast<double>(x[i]) / static_cast<double>(step);
        const double code = static_cast<double>(codes[i]) - kCodeOffset;
        EXPECT_NEAR(steps, code, 0.5 + 0x1p-16) << n << " " << i;
        error += (steps - code) * (steps - code);
        norm += code * code;
      }
      // |sqrt(a) - sqrt(b)| for vectors whose numbers differ by 2^-16 at most.
      EXPECT_NEAR(std::sqrt(lost.squared_error), std::sqrt(error),
                  std::sqrt(static_cast<double>(n)) * 0x1p-16 + 1e-6 * std::sqrt(error));
      EXPECT_NEAR(lost.squared_norm, norm, 1e-5 * norm);
    }
  });
}

}  // namespace
}  // namespace tandem::math
