// The k best of what is offered, with the score that the next one must reach.
//
// Better is: the larger score, then the smaller item. Hits are kept as integers whose order is
// that of hits, half as many again as are asked for, and cut to the k best when there is no more
// room: a few instructions an offer, where a heap takes a path of branches that no processor can
// foretell. For one thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace tandem::index {

struct Hit {
  float score;
  int32_t item;
};

inline bool Better(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.item < b.item;
}

class TopK {
 public:
  explicit TopK(size_t k) : k_(k), room_(k + std::max<size_t>(k / 2, 16)) { keys_.reserve(room_); }

  // No score below this can be among the k best.
  float threshold() const { return threshold_; }

  // Whether it may be among the k best, as far as is known by now.
  bool Takes(const Hit& hit) const { return hit.score >= threshold_; }
  // The score is not NaN.
  void Offer(const Hit& hit) {
    if (!Takes(hit)) return;
    keys_.push_back(Key(hit));
    if (keys_.size() == room_) Cut();
  }

  // All that are left, best first; nothing may be offered after that.
  std::span<const Hit> Sorted() {
    if (keys_.size() > k_) Cut();
    std::sort(keys_.begin(), keys_.end(), std::greater<>());
    hits_.reserve(keys_.size());
    for (const uint64_t key : keys_) hits_.push_back(HitOf(key));
    return hits_;
  }

 private:
  // Floats of one sign are in the order of their bits. Both zeros are one score.
  static uint64_t Key(const Hit& hit) {
    const auto bits = std::bit_cast<uint32_t>(hit.score + 0.0F);
    const uint32_t score = bits ^ (bits >> 31 != 0 ? 0xFFFFFFFFU : 0x80000000U);
    return uint64_t{score} << 32 | ~static_cast<uint32_t>(hit.item);
  }
  static Hit HitOf(uint64_t key) {
    const auto score = static_cast<uint32_t>(key >> 32);
    const uint32_t bits = score ^ (score >> 31 != 0 ? 0x80000000U : 0xFFFFFFFFU);
    return {std::bit_cast<float>(bits), static_cast<int32_t>(~static_cast<uint32_t>(key))};
  }
  void Cut() {
    if (k_ == 0) {
      keys_.clear();
      return;
    }
    const auto worst = keys_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
    std::nth_element(keys_.begin(), worst, keys_.end(), std::greater<>());
    keys_.resize(k_);
    threshold_ = HitOf(keys_.back()).score;
  }

  size_t k_;
  size_t room_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<uint64_t> keys_;
  std::vector<Hit> hits_;
};

}  // namespace tandem::index
