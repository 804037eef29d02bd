// A set of item rows 0..n-1, one bit each.
//
// Row r is bit r % 64 of word r / 64; the bits behind row n-1 in the last word are always 0. Row
// arguments must be in 0..n-1, and the two sides of an operator of one size. Owns its words.
// Reading is safe from many threads, changing is not.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tandem/math/kernels.h"

namespace tandem::index {

class Bitmap {
 public:
  // n rows, none of them in the set.
  explicit Bitmap(size_t n) : size_(n), words_((n + 63) / 64) {}
  // n rows, every one of them in the set.
  static Bitmap All(size_t n) {
    Bitmap all(n);
    all.Flip();
    return all;
  }

  size_t size() const { return size_; }
  void Set(int32_t row) { words_[Word(row)] |= Bit(row); }
  void Reset(int32_t row) { words_[Word(row)] &= ~Bit(row); }
  bool Contains(int32_t row) const { return (words_[Word(row)] & Bit(row)) != 0; }

  // How many rows are in the set: a pass over the words.
  size_t Count() const { return math::CountBits(words_); }
  bool Empty() const {
    for (const uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }

  // Those in both, in either, and those that were not in the set.
  Bitmap& operator&=(const Bitmap& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  Bitmap& operator|=(const Bitmap& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  void Flip() {
    for (uint64_t& word : words_) word = ~word;
    ClearTail();
  }

  // The rows of the set, ascending.
  std::vector<int32_t> Rows() const {
    const size_t count = Count();
    std::vector<int32_t> rows(count + 64);
    const double density = static_cast<double>(count) / static_cast<double>(size_);
    rows.resize(math::ListBits(words_, density, 0, rows).count);
    return rows;
  }
  // Calls use(int32_t row) for each row of the set, ascending.
  template <typename Use>
  void ForEach(Use&& use) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        use(static_cast<int32_t>(i * 64 + static_cast<size_t>(std::countr_zero(rest))));
      }
    }
  }

  // [ceil(n / 64)]; a view that lasts as long as the set.
  std::span<const uint64_t> words() const { return words_; }
  // Rows 64 i .. 64 i + 63 at once; bits behind row n-1 are dropped.
  void SetWord(size_t i, uint64_t word) {
    words_[i] = word;
    if (i + 1 == words_.size()) ClearTail();
  }

  friend bool operator==(const Bitmap&, const Bitmap&) = default;

 private:
  static size_t Word(int32_t row) { return static_cast<size_t>(row) / 64; }
  static uint64_t Bit(int32_t row) { return uint64_t{1} << (static_cast<size_t>(row) % 64); }
  void ClearTail() {
    if (size_ % 64 != 0) words_.back() &= (uint64_t{1} << (size_ % 64)) - 1;
  }

  size_t size_;
  std::vector<uint64_t> words_;
};

}  // namespace tandem::index
