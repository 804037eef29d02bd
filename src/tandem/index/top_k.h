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
#include <limits>
#include <span>
#include <vector>

#include "tandem/index/select.h"

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
  explicit TopK(size_t k) : k_(k), keys_(k + std::max<size_t>(k / 2, 16)), scratch_(keys_.size()) {}

  // No score below this can be among the k best.
  float threshold() const { return threshold_; }

  // Whether it may be among the k best, as far as is known by now.
  bool Takes(const Hit& hit) const { return hit.score >= threshold_; }
  // The score is not NaN.
  void Offer(const Hit& hit) {
    if (!Takes(hit)) return;
    keys_[count_++] = Key(hit);
    if (count_ == keys_.size()) Cut();
  }

  // Makes the threshold that of all that was offered so far; which share of k that is, at most 1.
  double Tighten() {
    if (count_ >= k_) Cut();
    return static_cast<double>(count_) / static_cast<double>(k_);
  }

  // All that are left, best first; nothing may be offered after that.
  std::span<const Hit> Sorted() {
    SortDescending(std::span(keys_).first(count_), scratch_);
    count_ = std::min(count_, k_);
    hits_.resize(count_);
    for (size_t i = 0; i < count_; ++i) hits_[i] = HitOf(keys_[i]);
    return hits_;
  }

 private:
  static uint64_t Key(const Hit& hit) {
    return uint64_t{OrderedBits(hit.score)} << 32 | ~static_cast<uint32_t>(hit.item);
  }
  static Hit HitOf(uint64_t key) {
    const auto score = static_cast<uint32_t>(key >> 32);
    const uint32_t bits = score ^ (score >> 31 != 0 ? 0x80000000U : 0xFFFFFFFFU);
    return {std::bit_cast<float>(bits), static_cast<int32_t>(~static_cast<uint32_t>(key))};
  }
  void Cut() {
    if (k_ > 0) {
      const std::span<uint64_t> keys = std::span(keys_).first(count_);
      // Which takes less than to select, for so many.
      if (k_ >= kLeastVectorSort) {
        SortDescending(keys, scratch_);
      } else {
        SelectLargest(keys, k_, scratch_);
      }
      threshold_ = HitOf(keys_[k_ - 1]).score;
    }
    count_ = k_;
  }

  size_t k_;
  size_t count_ = 0;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<uint64_t> keys_;     // count_ of them; full is the time to cut
  std::vector<uint64_t> scratch_;  // [as many]
  std::vector<Hit> hits_;
};

}  // namespace tandem::index
