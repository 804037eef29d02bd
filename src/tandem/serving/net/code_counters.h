// A counter for each code of an answer (200, 404; OK, NOT_FOUND), made when the code first
// comes, so that codes that never come are not shown. Counting a code that came before is one
// load and one atomic addition. Thread-safe.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::net {

class CodeCounters {
 public:
  // `labels` beside "code", whose value is code_name(code); codes are from 0 to code_end - 1. The
  // family must outlive it.
  CodeCounters(prometheus::Family<prometheus::Counter>& family, prometheus::Labels labels,
               size_t code_end, std::function<std::string(int)> code_name)
      : family_(family),
        labels_(std::move(labels)),
        code_name_(std::move(code_name)),
        counters_(code_end) {}

  // A code outside the range counts as 0.
  void Increment(int code) {
    const size_t at = code >= 0 && static_cast<size_t>(code) < counters_.size()
                          ? static_cast<size_t>(code)
                          : size_t{0};
    prometheus::Counter* counter = counters_[at].load(std::memory_order_acquire);
    if (counter == nullptr) {
      prometheus::Labels labels = labels_;
      labels["code"] = code_name_(static_cast<int>(at));
      counter = &family_.Add(labels);  // the same one, whoever is first
      counters_[at].store(counter, std::memory_order_release);
    }
    counter->Increment();
  }

 private:
  prometheus::Family<prometheus::Counter>& family_;
  const prometheus::Labels labels_;
  const std::function<std::string(int)> code_name_;
  std::vector<std::atomic<prometheus::Counter*>> counters_;
};

}  // namespace tandem::net
