#include "tandem/index/bitmap.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

std::vector<int32_t> RowsOf(const Bitmap& bitmap) {
  std::vector<int32_t> rows;
  bitmap.ForEach([&](int32_t row) { rows.push_back(row); });
  return rows;
}

std::set<int32_t> RandomRows(size_t n, Rng& rng) {
  std::set<int32_t> rows;
  for (size_t i = 0; i < n / 3; ++i) rows.insert(static_cast<int32_t>(rng.UniformInt(n)));
  return rows;
}

Bitmap Of(size_t n, const std::set<int32_t>& rows) {
  Bitmap bitmap(n);
  for (const int32_t row : rows) bitmap.Set(row);
  return bitmap;
}

TEST(Bitmap, EqualsASetOfRowsUnderEveryOperation) {
  Rng rng(3);
  for (const size_t n : {0U, 1U, 63U, 64U, 65U, 127U, 128U, 1000U}) {
    SCOPED_TRACE(n);
    const std::set<int32_t> a = RandomRows(n, rng);
    const std::set<int32_t> b = RandomRows(n, rng);
    std::vector<int32_t> both, either, neither_a;
    for (int32_t row = 0; row < static_cast<int32_t>(n); ++row) {
      if (a.contains(row) && b.contains(row)) both.push_back(row);
      if (a.contains(row) || b.contains(row)) either.push_back(row);
      if (!a.contains(row)) neither_a.push_back(row);
    }
    const Bitmap of_a = Of(n, a);
    EXPECT_EQ(RowsOf(of_a), std::vector<int32_t>(a.begin(), a.end()));
    EXPECT_EQ(of_a.Rows(), RowsOf(of_a));
    EXPECT_EQ(of_a.Count(), a.size());
    EXPECT_EQ(of_a.Empty(), a.empty());
    Bitmap result = of_a;
    result &= Of(n, b);
    EXPECT_EQ(RowsOf(result), both);
    result = of_a;
    result |= Of(n, b);
    EXPECT_EQ(RowsOf(result), either);
    result = of_a;
    result.Flip();
    EXPECT_EQ(RowsOf(result), neither_a);
    EXPECT_EQ(result.Count(), neither_a.size());
    for (int32_t row = 0; row < static_cast<int32_t>(n); ++row) {
      EXPECT_EQ(of_a.Contains(row), a.contains(row)) << row;
    }
  }
}

// 70 rows are two words, of which the second holds rows 64..69: 6 bits, 0x3f.
TEST(Bitmap, KeepsTheBitsBehindTheLastRowZero) {
  Bitmap all = Bitmap::All(70);
  EXPECT_EQ(all.Count(), 70U);
  ASSERT_EQ(all.words().size(), 2U);
  EXPECT_EQ(all.words()[0], ~uint64_t{0});
  EXPECT_EQ(all.words()[1], 0x3fU);
  all.SetWord(1, ~uint64_t{1});
  EXPECT_EQ(all.words()[1], 0x3eU);
  all.SetWord(0, 5);
  EXPECT_EQ(all.words()[0], 5U);
  all.Reset(2);
  EXPECT_EQ(RowsOf(all), (std::vector<int32_t>{0, 65, 66, 67, 68, 69}));
  EXPECT_TRUE(Bitmap::All(0).Empty());
  EXPECT_EQ(Bitmap::All(64).Count(), 64U);
}

}  // namespace
}  // namespace tandem::index
