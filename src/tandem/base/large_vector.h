// A std::vector for tens of megabytes and more: its storage is asked for in huge pages, where the
// system has them, so that who jumps about in it seldom waits for the tables of pages, and who
// fills it is not stopped every 4 KiB. What LargeVector(n) and resize() add of numbers is not set:
// who asks for megabytes is about to write them.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <vector>

namespace tandem {

// From 4 MiB on at a multiple of 2 MiB and in huge pages, as far as the system likes. Thread-safe.
// Out of memory is std::bad_alloc.
void* AllocateLarge(size_t bytes);
void FreeLarge(void* storage) noexcept;

template <typename T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <typename U>
  LargeAllocator(const LargeAllocator<U>&) {
  }  // NOLINT(google-explicit-constructor): allocators are

  T* allocate(size_t n) {
    if (n > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(AllocateLarge(n * sizeof(T)));
  }
  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  void deallocate(T* storage, size_t /*n*/) noexcept { FreeLarge(storage); }

  friend bool operator==(const LargeAllocator&, const LargeAllocator&) { return true; }
};

template <typename T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace tandem
