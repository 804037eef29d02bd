#include "tandem/math/tile_bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/math/testing/every_target.h"

namespace tandem::math {
namespace {

// (100 - 2 * 3 - 4 * i) / (0.5 * 0.25) + 7 = 759 - 32 i.
TEST(TileBounds, SumBarsIsTheLargestIntegerBelowWhatBoundsMustReach) {
  OnEveryTarget([] {
    const SumBar bar = {.needed = 100, .by_norm = 2, .by_error = 4, .scale = 0.5, .offset = 7};
    for (size_t n = 0; n <= 20; ++n) {
      std::vector<TileCode> codes;
      for (size_t i = 0; i < n; ++i) codes.push_back({0.25F, static_cast<float>(i), 3});
      std::vector<int32_t> bars(n);
      SumBars(bar, codes, bars.data());
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(bars[i], 759 - 32 * static_cast<int32_t>(i));
    }
    const std::vector<TileCode> codes(9, {1, 0, 0});
    std::vector<int32_t> bars(9);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto bar_of = [&](double needed) {
      SumBars({.needed = needed, .by_norm = 0, .by_error = 0, .scale = 1, .offset = 0}, codes,
              bars.data());
      EXPECT_EQ(bars, std::vector<int32_t>(9, bars[0]));
      return bars[0];
    };
    EXPECT_EQ(bar_of(2.75), 2);
    EXPECT_EQ(bar_of(-2.25), -3);
    EXPECT_EQ(bar_of(1e300), 1 << 30);
    EXPECT_EQ(bar_of(-1e300), -(1 << 30));
    EXPECT_EQ(bar_of(-kInfinity), -(1 << 30));
  });
}

TEST(TileBounds, BoundBoxesAddsThreeArrays) {
  OnEveryTarget([] {
    Rng rng(2);
    for (size_t n = 0; n <= 40; ++n) {
      std::vector<float> x(n), y(n), z(n), out(n);
      for (size_t i = 0; i < n; ++i) {  // eighths: every sum is exact
        x[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        y[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        z[i] = static_cast<float>(rng.UniformInt(64)) / 8;
      }
      BoundBoxes({0.5F, x.data(), -2, y.data(), 3, z.data()}, out);
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], x[i] / 2 - 2 * y[i] + 3 * z[i]);
    }
  });
}

TEST(TileBounds, BoxesInReachAreThoseOfTheBoundsWithTheirBars) {
  OnEveryTarget([] {
    Rng rng(4);
    const SumBar bar = {.needed = 100, .by_norm = 2, .by_error = 4, .scale = 0.5, .offset = 7};
    for (size_t n = 0; n <= 40; ++n) {
      std::vector<float> x(n), y(n), z(n), bounds(n);
      std::vector<TileCode> codes;
      for (size_t i = 0; i < n; ++i) {  // eighths: every sum is exact
        x[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        y[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        z[i] = static_cast<float>(rng.UniformInt(64)) / 8;
        codes.push_back({0.25F, static_cast<float>(i), 3});
      }
      const BoxBounds boxes = {0.5F, x.data(), -2, y.data(), 3, z.data()};
      BoundBoxes(boxes, bounds);
      std::vector<int32_t> all(n);
      SumBars(bar, codes, all.data());
      const float middle = n == 0 ? 0 : bounds[n / 2];
      for (const float least : {-1e9F, middle, 1e9F}) {
        std::vector<uint32_t> want_which;
        std::vector<int32_t> want_bars;
        for (uint32_t i = 0; i < n; ++i) {
          if (bounds[i] < least) continue;
          want_which.push_back(500 + i);
          want_bars.push_back(all[i]);
        }
        std::vector<uint32_t> which(n + 1, 77);
        std::vector<int32_t> bars(n + 1, 77);
        const size_t count = BoxesInReach(boxes, least, bar, codes, 500, which.data(), bars.data());
        EXPECT_EQ(which[n], 77U);
        EXPECT_EQ(bars[n], 77);
        which.resize(count);
        bars.resize(count);
        EXPECT_EQ(which, want_which);
        EXPECT_EQ(bars, want_bars);
      }
    }
  });
}

TEST(TileBounds, QuantiseTileRoundsToTheNearestStepAndSaysWhatThatLoses) {
  OnEveryTarget([] {
    Rng rng(3);
    for (size_t h = 1; h <= 70; ++h) {
      // From the least step to steps whose squares overflow.
      const float step =
          std::ldexp(1 + rng.UniformFloat(), static_cast<int>(rng.UniformInt(220)) - 120);
      const size_t stride = kTileRows + h % 3;
      const size_t groups = (h + kTileGroup) / kTileGroup;
      std::vector<float> columns(h * stride);
      for (float& x : columns) x = step * 127 * (2 * rng.UniformFloat() - 1);
      std::vector<float> rests(kTileRows);
      for (float& x : rests) x = step * 254 * rng.UniformFloat();
      rests[5] = 0;
      rests[6] = step * 254;
      std::vector<uint8_t> tile(groups * kTileRows * kTileGroup, 7);
      const Quantised lost = QuantiseTile(columns.data(), stride, h, rests.data(), step, tile);
      const auto byte = [&tile](size_t r, size_t j) {
        const size_t group = j / kTileGroup;
        return static_cast<double>(tile[(group * kTileRows + r) * kTileGroup + j % kTileGroup]);
      };
      double most_error = 0;
      double most_norm = 0;
      for (size_t r = 0; r < kTileRows; ++r) {
        double error = 0;
        double norm = 0;
        for (size_t j = 0; j < h; ++j) {
          const double steps =
              static_cast<double>(columns[j * stride + r]) / static_cast<double>(step);
          const double code = byte(r, j) - kCodeOffset;
          EXPECT_NEAR(steps, code, 0.5 + 0x1p-16) << h << " " << r << " " << j;
          error += (steps - code) * (steps - code);
          norm += code * code;
        }
        most_error = std::max(most_error, error);
        most_norm = std::max(most_norm, norm);
        const double rest = static_cast<double>(rests[r]) / static_cast<double>(step);
        EXPECT_GE(byte(r, h), rest);
        EXPECT_LE(byte(r, h), rest + 1 + 1e-3);
        for (size_t j = h + 1; j < groups * kTileGroup; ++j) EXPECT_EQ(byte(r, j), 0);
      }
      // |sqrt(a) - sqrt(b)| for vectors whose numbers differ by 2^-16 at most.
      EXPECT_NEAR(std::sqrt(lost.squared_error), std::sqrt(most_error),
                  std::sqrt(static_cast<double>(h)) * 0x1p-16 + 1e-6 * std::sqrt(most_error));
      EXPECT_NEAR(lost.squared_norm, most_norm, 1e-5 * most_norm);
    }
  });
}

TEST(TileBounds, QuantiseTileWithoutRestsNeedsNoByteForThem) {
  OnEveryTarget([] {
    const std::vector<float> columns(4 * kTileRows, -2.0F);
    std::vector<uint8_t> tile(kTileRows * kTileGroup);
    const Quantised lost = QuantiseTile(columns.data(), kTileRows, 4, nullptr, 1, tile);
    EXPECT_EQ(tile, std::vector<uint8_t>(tile.size(), kCodeOffset - 2));
    EXPECT_EQ(lost.squared_error, 0);
    EXPECT_EQ(lost.squared_norm, 16);  // 4 * 2^2
  });
}

TEST(TileBounds, LargestMagnitudeLooksAtTheTileAlone) {
  OnEveryTarget([] {
    std::vector<float> columns(3 * 100, 0.5F);
    columns[kTileRows] = 9;            // behind the rows of the first column
    columns[200 + kTileRows - 1] = 8;  // the last number, of the third
    columns[100 + 17] = -4;
    EXPECT_EQ(LargestMagnitude(columns.data(), 100, 3), 8);
    EXPECT_EQ(LargestMagnitude(columns.data(), 100, 2), 4);
    EXPECT_EQ(LargestMagnitude(columns.data(), 100, 1), 0.5F);
  });
}

}  // namespace
}  // namespace tandem::math
