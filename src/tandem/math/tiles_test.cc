#include "tandem/math/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/math/testing/every_target.h"

namespace tandem::math {
namespace {

int32_t Sum(const std::vector<int8_t>& query, const std::vector<uint8_t>& tile, size_t row) {
  int32_t sum = 0;
  for (size_t j = 0; j < query.size(); ++j) {
    const size_t place =
        j / kTileGroup * kTileRows * kTileGroup + row * kTileGroup + j % kTileGroup;
    sum += int32_t{query[j]} * int32_t{tile[place]};
  }
  return sum;
}

std::vector<int8_t> RandomQuery(Rng& rng, size_t groups) {
  std::vector<int8_t> query(groups * kTileGroup);
  for (int8_t& code : query) code = static_cast<int8_t>(int(rng.UniformInt(129)) - 64);
  return query;
}

std::vector<uint8_t> RandomTiles(Rng& rng, size_t tiles, size_t groups) {
  std::vector<uint8_t> bytes(tiles * groups * kTileGroup * kTileRows);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.UniformInt(256));
  return bytes;
}

// The sums of the tiles `which`, one by one.
std::vector<int32_t> SumsOf(const std::vector<int8_t>& query, const std::vector<uint8_t>& tiles,
                            const std::vector<uint32_t>& which) {
  const size_t bytes = query.size() * kTileRows;
  std::vector<int32_t> sums;
  for (const uint32_t tile : which) {
    const std::vector<uint8_t> one(tiles.begin() + static_cast<std::ptrdiff_t>(tile * bytes),
                                   tiles.begin() + static_cast<std::ptrdiff_t>((tile + 1) * bytes));
    for (size_t row = 0; row < kTileRows; ++row) sums.push_back(Sum(query, one, row));
  }
  return sums;
}

uint64_t AtLeast(const std::vector<int32_t>& sums, size_t tile, int32_t threshold) {
  uint64_t bits = 0;
  for (size_t row = 0; row < kTileRows; ++row) {
    bits |= uint64_t{sums[tile * kTileRows + row] >= threshold} << row;
  }
  return bits;
}

TEST(Tiles, RowsAtLeastAreThoseWhoseSumReachesTheThresholdOfTheirTile) {
  OnEveryTarget([] {
    Rng rng(1);
    const std::vector<uint32_t> which = {2, 0, 3};
    for (size_t groups = 1; groups <= 40; ++groups) {
      const std::vector<int8_t> query = RandomQuery(rng, groups);
      const std::vector<uint8_t> tiles = RandomTiles(rng, 4, groups);
      const std::vector<int32_t> sums = SumsOf(query, tiles, which);
      // The sum of a row itself, and what is just beyond it.
      for (const size_t row : {0U, 13U, 40U, 63U}) {
        for (const int32_t beyond : {0, 1}) {
          const std::vector<int32_t> thresholds = {sums[row] + beyond, sums[64 + row] + beyond,
                                                   sums[128 + row] + beyond};
          std::vector<uint64_t> rows(3);
          RowsAtLeast(query, tiles.data(), which, thresholds.data(), rows.data());
          for (size_t i = 0; i < 3; ++i) EXPECT_EQ(rows[i], AtLeast(sums, i, thresholds[i]));
        }
      }
    }
  });
}

// Any number of queries: those that are added up together and what is left of them.
TEST(Tiles, RowsAtLeastForEachHasTheRowsOfEachQueryOfATile) {
  OnEveryTarget([] {
    Rng rng(8);
    for (const size_t groups : {1U, 2U, 8U, 9U, 32U}) {
      const std::vector<uint8_t> tile = RandomTiles(rng, 1, groups);
      std::vector<int8_t> queries;
      for (int i = 0; i < 12; ++i) {
        const std::vector<int8_t> query = RandomQuery(rng, groups);
        queries.insert(queries.end(), query.begin(), query.end());
      }
      std::vector<uint32_t> which;
      std::vector<int32_t> thresholds;
      std::vector<uint64_t> want;
      for (size_t count = 0; count <= 11; ++count) {
        std::vector<uint64_t> rows(count);
        RowsAtLeastForEach(queries.data(), which, tile, thresholds.data(), rows.data());
        EXPECT_EQ(rows, want) << groups << " groups";
        which.push_back(static_cast<uint32_t>(rng.UniformInt(12)));
        const auto begin = queries.begin() + static_cast<std::ptrdiff_t>(which.back() * 4 * groups);
        const std::vector<int8_t> query(begin, begin + static_cast<std::ptrdiff_t>(4 * groups));
        const std::vector<int32_t> sums = SumsOf(query, tile, {0});
        // The sum of a row of each part of the tile, so that it has at least this one.
        thresholds.push_back(sums[count * 6 % kTileRows]);
        want.push_back(AtLeast(sums, 0, thresholds.back()));
        EXPECT_NE(want.back(), 0U);
      }
    }
  });
}

TEST(Tiles, RowSumsAreExact) {
  OnEveryTarget([] {
    Rng rng(4);
    const std::vector<uint32_t> which = {1, 4, 0};
    for (size_t groups = 1; groups <= 40; ++groups) {
      const std::vector<int8_t> query = RandomQuery(rng, groups);
      const std::vector<uint8_t> tiles = RandomTiles(rng, 5, groups);
      std::vector<int32_t> sums(3 * kTileRows);
      RowSums(query, tiles.data(), which, sums.data());
      EXPECT_EQ(sums, SumsOf(query, tiles, which));
    }
  });
}

// 4 groups of (255, 255, 255, 255) . (64, 64, 64, 64) = 4 * 65,280 = 261,120: sums of pairs are
// 32,640, just inside 16 bits.
TEST(Tiles, DoNotOverflowAtTheLargestCodes) {
  OnEveryTarget([] {
    const std::vector<uint8_t> tile(4 * kTileGroup * kTileRows, 255);
    const std::vector<uint32_t> first = {0};
    for (const int sign : {1, -1}) {
      const std::vector<int8_t> most(4 * kTileGroup, static_cast<int8_t>(sign * kMostQueryCode));
      std::vector<int32_t> sums(kTileRows);
      RowSums(most, tile.data(), first, sums.data());
      EXPECT_EQ(sums, std::vector<int32_t>(kTileRows, sign * 261'120));
    }
  });
}

TEST(Tiles, SumsBetweenHasTheLeastAndNotTheEnd) {
  OnEveryTarget([] {
    std::vector<int32_t> sums(2 * kTileRows);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<int32_t>(i) - 64;
    constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
    constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
    uint64_t rows[2];
    // Of -64..-1, those below -62; of 0..63, 5 to 7.
    SumsBetween(sums.data(), std::vector<int32_t>{kLeast, 5}, std::vector<int32_t>{-62, 8}.data(),
                rows);
    EXPECT_EQ(rows[0], 0b11U);
    EXPECT_EQ(rows[1], 0b111'00000U);
    SumsBetween(sums.data(), std::vector<int32_t>{kLeast, 9}, std::vector<int32_t>{kMost, 9}.data(),
                rows);
    EXPECT_EQ(rows[0], ~uint64_t{0});
    EXPECT_EQ(rows[1], 0U);
  });
}

// Three tiles with the lines s, 2 s and 10 - s in two groups: the first has the first and the
// third, the second the second.
TEST(Tiles, LargestOfLinesGroupsTiles) {
  OnEveryTarget([] {
    std::vector<int32_t> sums(3 * kTileRows);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = static_cast<int32_t>(i % kTileRows);
    std::vector<float> largest(2 * kTileRows);
    LargestOfLines(std::vector<SumLine>{{1, 0}, {2, 0}, {-1, 10}}, sums.data(), largest);
    for (size_t r = 0; r < kTileRows; ++r) {
      const auto s = static_cast<float>(r);
      EXPECT_EQ(largest[r], std::max(s, 10 - s));
      EXPECT_EQ(largest[kTileRows + r], 2 * s);
    }
  });
}

// (100 - 2 * 3 - 4 * i) / (0.5 * 0.25) + 7 = 759 - 32 i.
TEST(Tiles, SumBarsIsTheLargestIntegerBelowWhatBoundsMustReach) {
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

TEST(Tiles, QuantiseTileRoundsToTheNearestStepAndSaysWhatThatLoses) {
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

TEST(Tiles, QuantiseTileWithoutRestsNeedsNoByteForThem) {
  OnEveryTarget([] {
    const std::vector<float> columns(4 * kTileRows, -2.0F);
    std::vector<uint8_t> tile(kTileRows * kTileGroup);
    const Quantised lost = QuantiseTile(columns.data(), kTileRows, 4, nullptr, 1, tile);
    EXPECT_EQ(tile, std::vector<uint8_t>(tile.size(), kCodeOffset - 2));
    EXPECT_EQ(lost.squared_error, 0);
    EXPECT_EQ(lost.squared_norm, 16);  // 4 * 2^2
  });
}

TEST(Tiles, LargestMagnitudeLooksAtTheTileAlone) {
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
