// Random numbers that are the same on every machine, compiler and thread count.
//
// Rng is xoshiro256** seeded through splitmix64 (Blackman and Vigna, 2018). A stream is named
// by (seed, purpose, index): Fork never depends on how many numbers were drawn before it, so
// work can be cut among threads by index. Not thread-safe; fork one for each worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace tandem {

class Rng {
 public:
  explicit Rng(uint64_t seed);

  // An independent stream for this purpose and index.
  Rng Fork(std::string_view purpose, uint64_t index = 0) const;

  uint64_t Next();
  // Uniform in [0, n), without modulo bias. n > 0.
  uint64_t UniformInt(uint64_t n);
  // Uniform in [0, 1), 24 bits.
  float UniformFloat();
  float UniformFloat(float low, float high) { return low + (high - low) * UniformFloat(); }
  // Standard normal (Box-Muller, cosine branch).
  float Normal();

  // Fisher-Yates.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[UniformInt(i)]);
  }

 private:
  uint64_t seed_;
  uint64_t state_[4];
};

}  // namespace tandem
