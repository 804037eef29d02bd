#include "tandem/math/nibbles.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/math/testing/every_target.h"

namespace tandem::math {
namespace {

// Codes [rows, width] in tiles; the rows behind the last one are zeros.
std::vector<uint8_t> Tiles(const std::vector<uint8_t>& codes, size_t rows, size_t width) {
  const size_t bytes = width * kNibbleRows / 2;
  std::vector<uint8_t> tiles((rows + kNibbleRows - 1) / kNibbleRows * bytes, 0);
  for (size_t i = 0; i < rows; ++i) {
    SetNibbles(std::span(codes).subspan(i * width, width), i % kNibbleRows,
               std::span(tiles).subspan(i / kNibbleRows * bytes, bytes));
  }
  return tiles;
}

void ExpectEqualToPlainSums(const std::vector<int8_t>& query, const std::vector<uint8_t>& codes,
                            int32_t threshold) {
  const size_t width = query.size();
  const size_t rows = codes.size() / width;
  const size_t room = (rows + kNibbleRows - 1) / kNibbleRows * kNibbleRows;
  std::vector<int32_t> want_places;
  std::vector<int16_t> want_sums;
  for (size_t i = 0; i < room; ++i) {
    int32_t sum = 0;
    for (size_t j = 0; j < width && i < rows; ++j) sum += query[j] * codes[i * width + j];
    if (sum < threshold) continue;
    want_places.push_back(static_cast<int32_t>(i));
    want_sums.push_back(static_cast<int16_t>(sum));
  }
  const std::vector<uint8_t> tiles = Tiles(codes, rows, width);
  OnEveryTarget([&] {
    std::vector<int32_t> places(room);
    std::vector<int16_t> sums(room);
    const size_t found = NibbleSumsAtLeast(query, tiles, threshold, places, sums);
    ASSERT_EQ(found, want_places.size());
    places.resize(found);
    sums.resize(found);
    EXPECT_EQ(places, want_places);
    EXPECT_EQ(sums, want_sums);
  });
}

TEST(Nibbles, SumsEqualThePlainOnesForRandomShapes) {
  Rng rng(3);
  for (int round = 0; round < 60; ++round) {
    const size_t width = 4 * (1 + rng.UniformInt(16));
    const size_t rows = 1 + rng.UniformInt(200);
    std::vector<uint8_t> codes(rows * width);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(rng.UniformInt(16));
    std::vector<int8_t> query(width);
    int32_t left = kNibbleQuerySum;
    for (int8_t& x : query) {
      x = static_cast<int8_t>(static_cast<int32_t>(rng.UniformInt(255)) - 127);
      if (std::abs(x) > left) x = 0;
      left -= std::abs(x);
    }
    ExpectEqualToPlainSums(query, codes, static_cast<int32_t>(rng.UniformInt(4000)) - 2000);
  }
}

// 17 * 127 + 25 = 2184 = kNibbleQuerySum, times 15 is 32,760 of the 32,767 that 16 bits hold.
TEST(Nibbles, TheLargestSumsDoNotOverflow) {
  for (const int sign : {-1, 1}) {
    std::vector<int8_t> query(20, 0);
    for (size_t j = 0; j < 17; ++j) query[j] = static_cast<int8_t>(127 * sign);
    query[18] = static_cast<int8_t>(25 * sign);
    const std::vector<uint8_t> codes(40 * 20, 15);
    ExpectEqualToPlainSums(query, codes, sign * 32'760);
    ExpectEqualToPlainSums(query, codes, sign * 32'760 + 1);
  }
}

TEST(Nibbles, AThresholdBeyondSixteenBitsAdmitsAllOrNone) {
  const std::vector<int8_t> query = {1, 2, 3, 4};
  const std::vector<uint8_t> codes(4 * 33, 7);
  ExpectEqualToPlainSums(query, codes, -1'000'000);
  ExpectEqualToPlainSums(query, codes, 1'000'000);
}

}  // namespace
}  // namespace tandem::math
