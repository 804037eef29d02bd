// Memory of one step: handed out by bumping a pointer, taken back all at once by Reset. A step
// that needs more than the last one adds a block; Reset joins the blocks into one, so that from
// the second step of a kind on nothing is allocated. Blocks are aligned to 64 bytes. Nothing is
// destroyed: only trivially destructible values may live here. Not thread-safe.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "tandem/base/aligned_buffer.h"

namespace tandem::nn {

class Arena {
 public:
  // Uninitialised memory for n values, aligned to 64 bytes, valid until Reset.
  template <typename T>
  std::span<T> Allocate(size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    return {static_cast<T*>(AllocateBytes(n * sizeof(T))), n};
  }
  template <typename T>
  T* New(T value) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= kAlignment);
    return new (AllocateBytes(sizeof(T))) T(std::move(value));
  }
  void Reset();
  // Bytes of all blocks.
  size_t capacity() const;

 private:
  static constexpr size_t kAlignment = AlignedBuffer<std::byte>::kAlignment;
  void* AllocateBytes(size_t bytes);
  void AddBlock(size_t bytes);

  std::vector<AlignedBuffer<std::byte>> blocks_;  // the last one is in use
  size_t used_ = 0;                               // bytes of the last block
};

}  // namespace tandem::nn
