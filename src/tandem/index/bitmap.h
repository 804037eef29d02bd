// A set of item rows 0..n-1, one bit each.
//
// Row arguments must be in 0..n-1. Reading is safe from many threads, Set is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::index {

class Bitmap {
 public:
  // n rows, none of them in the set.
  explicit Bitmap(size_t n) : size_(n), words_((n + 63) / 64) {}

  size_t size() const { return size_; }
  void Set(int32_t row) { words_[Word(row)] |= Bit(row); }
  bool Contains(int32_t row) const { return (words_[Word(row)] & Bit(row)) != 0; }

 private:
  static size_t Word(int32_t row) { return static_cast<size_t>(row) / 64; }
  static uint64_t Bit(int32_t row) { return uint64_t{1} << (static_cast<size_t>(row) % 64); }

  size_t size_;
  std::vector<uint64_t> words_;
};

}  // namespace tandem::index
