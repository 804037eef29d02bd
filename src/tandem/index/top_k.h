// The k best of what is offered, with the score that the next one must reach.
//
// Better is: the larger score, then the smaller item. A heap of k hits: an offer that is not among
// the k best so far costs one comparison. For one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
  explicit TopK(size_t k) : k_(k) { hits_.reserve(k); }

  // No score below this can be among the k best.
  float threshold() const { return threshold_; }

  // Whether an offer would change anything.
  bool Takes(const Hit& hit) const {
    return hits_.size() < k_ || (k_ > 0 && Better(hit, hits_.front()));
  }
  void Offer(const Hit& hit) {
    if (!Takes(hit)) return;
    if (hits_.size() == k_) {
      std::pop_heap(hits_.begin(), hits_.end(), Better);
      hits_.back() = hit;
    } else {
      hits_.push_back(hit);
    }
    std::push_heap(hits_.begin(), hits_.end(), Better);
    if (hits_.size() == k_) threshold_ = hits_.front().score;
  }

  // All that are left, best first; nothing may be offered after that.
  std::span<const Hit> Sorted() {
    std::sort_heap(hits_.begin(), hits_.end(), Better);
    return hits_;
  }

 private:
  size_t k_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> hits_;  // a heap whose front is the worst
};

}  // namespace tandem::index
