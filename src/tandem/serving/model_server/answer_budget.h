// How many floats of large answers may be in memory at once, from before they are made until the
// client has them: clients that ask for much, or read slowly, get errors before the server runs
// out of memory. Small answers, those of an app among them, are not counted: what bounds them is
// how many calls a connection has at once. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "tandem/base/status.h"

namespace tandem::model_server {

class AnswerBudget {
 public:
  static constexpr int64_t kSmallFloats = 512;

  explicit AnswerBudget(int64_t max_floats = 2 * 1024 * 1024) : max_floats_(max_floats) {}
  AnswerBudget(const AnswerBudget&) = delete;
  AnswerBudget& operator=(const AnswerBudget&) = delete;

  // What one answer holds of the budget, which must outlive it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), floats_(other.floats_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(floats_, other.floats_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->used_ -= floats_;
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    bool empty() const { return budget_ == nullptr; }

   private:
    friend class AnswerBudget;
    Share(AnswerBudget* budget, int64_t floats) : budget_(budget), floats_(floats) {}

    AnswerBudget* budget_ = nullptr;
    int64_t floats_ = 0;
  };

  // Empty for a small answer. kResourceExhausted where there is no room now.
  Result<Share> Take(int64_t floats) {
    if (floats <= kSmallFloats) return Share();
    if (used_.fetch_add(floats) + floats <= max_floats_) return Share(this, floats);
    used_ -= floats;
    return ResourceExhaustedError("an answer of ", floats,
                                  " floats has no room beside other large ones, of ", max_floats_,
                                  " floats in all; try again, or ask for fewer users at once");
  }

 private:
  const int64_t max_floats_;
  std::atomic<int64_t> used_ = 0;
};

}  // namespace tandem::model_server
