#include "tandem/math/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Tiles, GatherTilesPutsRowsSideBySide) {
  OnEveryTarget([] {
    Rng rng(12);
    for (const size_t groups : {1U, 2U, 3U, 4U}) {
      const size_t bytes = groups * kTileGroup;
      std::vector<uint8_t> rows(300 * bytes);
      for (uint8_t& byte : rows) byte = static_cast<uint8_t>(rng.UniformInt(256));
      for (const size_t count : {0U, 1U, 5U, 64U, 131U}) {
        std::vector<int32_t> which(count);
        for (int32_t& row : which) row = static_cast<int32_t>(rng.UniformInt(300));
        const size_t tiles = (count + kTileRows - 1) / kTileRows;
        std::vector<uint8_t> got(tiles * kTileRows * bytes);
        GatherTiles(rows.data(), groups, which, got.data());
        for (size_t i = 0; i < count; ++i) {
          for (size_t j = 0; j < bytes; ++j) {
            const size_t place =
                (i / kTileRows * groups + j / kTileGroup) * kTileRows * kTileGroup +
                i % kTileRows * kTileGroup + j % kTileGroup;
            ASSERT_EQ(got[place], rows[static_cast<size_t>(which[i]) * bytes + j]) << i << " " << j;
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace tandem::math
