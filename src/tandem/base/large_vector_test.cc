#include "tandem/base/large_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

namespace tandem {
namespace {

TEST(LargeVector, KeepsItsValuesFromSmallToLarge) {
  LargeVector<int> values;
  for (int i = 0; i < 3'000'000; ++i) values.push_back(i);  // 12 MB
  const LargeVector<int> copy = values;
  EXPECT_EQ(std::accumulate(copy.begin(), copy.end(), int64_t{0}),
            int64_t{3'000'000} * 2'999'999 / 2);
  values = LargeVector<int>(5, 7);
  EXPECT_EQ(values.back(), 7);
}

TEST(LargeVector, StartsAtAHugePageWhereItIsLarge) {
  const LargeVector<char> large(4 << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large.data()) % (2 << 20), 0U);
  EXPECT_TRUE(LargeVector<double>().empty());
}

TEST(LargeVector, MoreThanThereCanBeIsBadAlloc) {
  LargeAllocator<double> allocator;
  EXPECT_THROW(allocator.allocate(std::numeric_limits<size_t>::max() / 4), std::bad_alloc);
  EXPECT_THROW(AllocateLarge(std::numeric_limits<size_t>::max() - 5), std::bad_alloc);
}

}  // namespace
}  // namespace tandem
