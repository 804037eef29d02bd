#include "tandem/base/aligned_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <utility>

namespace tandem {
namespace {

TEST(AlignedBufferTest, StartsEmpty) {
  const AlignedBuffer<float> buffer;
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(buffer.span().empty());
}

TEST(AlignedBufferTest, StartsOnACacheLineAndFillsWholeOnes) {
  for (size_t n = 1; n < 100; ++n) {
    AlignedBuffer<float> buffer(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_EQ(buffer.size(), n);
    EXPECT_EQ(buffer.capacity(), (n + 15) / 16 * 16);  // 16 floats of 4 bytes in 64
    for (float& value : buffer.span()) value = 1.0f;
  }
}

TEST(AlignedBufferTest, ResizeWithinTheCapacityKeepsAddressAndValues) {
  AlignedBuffer<int> buffer(20);
  for (int i = 0; i < 20; ++i) buffer[static_cast<size_t>(i)] = i;
  const int* const address = buffer.data();
  buffer.Resize(5);
  EXPECT_EQ(buffer.span().size(), 5u);
  buffer.Resize(0);
  buffer.Resize(20);
  EXPECT_EQ(buffer.data(), address);
  EXPECT_EQ(buffer[19], 19);
  buffer.Resize(33);
  EXPECT_EQ(buffer.size(), 33u);
  EXPECT_GE(buffer.capacity(), 33u);
}

TEST(AlignedBufferTest, MovesItsStorage) {
  AlignedBuffer<float> from(3);
  from[2] = 7.0f;
  const float* const address = from.data();
  AlignedBuffer<float> to(std::move(from));
  EXPECT_EQ(to.data(), address);
  AlignedBuffer<float> assigned(50);
  assigned = std::move(to);
  EXPECT_EQ(assigned.data(), address);
  EXPECT_EQ(assigned.size(), 3u);
  EXPECT_EQ(assigned[2], 7.0f);
}

TEST(AlignedBufferTest, MoreThanAddressableIsBadAllocNotASmallBuffer) {
  AlignedBuffer<double> buffer;
  EXPECT_THROW(buffer.Resize(SIZE_MAX / sizeof(double) + 2), std::bad_alloc);
  EXPECT_EQ(buffer.size(), 0u);
}

}  // namespace
}  // namespace tandem
