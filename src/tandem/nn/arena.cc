#include "tandem/nn/arena.h"

#include <algorithm>

namespace tandem::nn {

void Arena::AddBlock(size_t bytes) {
  blocks_.emplace_back(bytes);
  used_ = 0;
}

void* Arena::AllocateBytes(size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (blocks_.empty() || blocks_.back().size() - used_ < bytes) {
    constexpr size_t kSmallestBlock = size_t{1} << 14;
    AddBlock(std::max({bytes, kSmallestBlock, capacity()}));
  }
  void* result = blocks_.back().data() + used_;
  used_ += bytes;
  return result;
}

void Arena::Reset() {
  used_ = 0;
  if (blocks_.size() < 2) return;
  const size_t total = capacity();
  blocks_.clear();
  AddBlock(total);
}

size_t Arena::capacity() const {
  size_t total = 0;
  for (const AlignedBuffer<std::byte>& block : blocks_) total += block.size();
  return total;
}

}  // namespace tandem::nn
