// A buffer of numbers that starts at a multiple of 64 bytes (one cache line, one AVX-512
// register) and whose storage is a whole number of 64-byte blocks, so that a vector load that
// starts inside it never leaves it.
//
// Owns its storage; moves, never copies. Not thread-safe. Out of memory is std::bad_alloc.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace tandem {

template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static constexpr size_t kAlignment = 64;  // bytes
  static_assert(alignof(T) <= kAlignment);

  AlignedBuffer() = default;
  // n values, not initialised.
  explicit AlignedBuffer(size_t n) { Resize(n); }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    AlignedBuffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(capacity_, taken.capacity_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { Free(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

  // Up to capacity() the values and the address stay; beyond it the storage is new and every
  // value is indeterminate. Storage is given back by the destructor alone.
  void Resize(size_t n) {
    if (n > capacity_) {
      if (n > (std::numeric_limits<size_t>::max() - kAlignment) / sizeof(T)) throw std::bad_alloc();
      const size_t bytes = (n * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
      Free();
      data_ = static_cast<T*>(::operator new(bytes, std::align_val_t(kAlignment)));
      capacity_ = bytes / sizeof(T);
    }
    size_ = n;
  }

 private:
  void Free() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(kAlignment));
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tandem
