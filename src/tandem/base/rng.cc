#include "tandem/base/rng.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace tandem {
namespace {

uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// FNV-1a, to turn a purpose into a number.
uint64_t HashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

Rng::Rng(uint64_t seed) : seed_(seed) {
  uint64_t mix = seed;
  for (uint64_t& word : state_) word = SplitMix64(mix);
}

Rng Rng::Fork(std::string_view purpose, uint64_t index) const {
  uint64_t mix = seed_ ^ HashName(purpose);
  const uint64_t a = SplitMix64(mix);
  mix = a ^ (index * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u);
  return Rng(SplitMix64(mix));
}

uint64_t Rng::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Rng::UniformInt(uint64_t n) {
  // Numbers below the threshold would make the small remainders more frequent.
  const uint64_t threshold = (0 - n) % n;
  uint64_t x = Next();
  while (x < threshold) x = Next();
  return x % n;
}

float Rng::UniformFloat() { return static_cast<float>(Next() >> 40) * 0x1.0p-24f; }

float Rng::Normal() {
  const double u = (static_cast<double>(Next() >> 11) + 1.0) * 0x1.0p-53;
  const double v = static_cast<double>(Next() >> 11) * 0x1.0p-53;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace tandem
