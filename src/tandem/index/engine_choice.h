// Exact or approximate: builds an index, and takes the approximate one where it is cheaper by so
// much that its misses are worth it.
//
// The exact index is built and asked a sample of queries. Where it answers within
// kCheapMicroseconds, that is it. Else the approximate one is built and asked the same: it is taken
// where it needs at most kWorthwhileShare of the time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "tandem/index/exact_index.h"
#include "tandem/index/ivf_index.h"

namespace tandem::index {

inline constexpr double kCheapMicroseconds = 100;  // a query for the ten best
inline constexpr double kWorthwhileShare = 0.5;

struct EngineChoice {
  // One of them, the other is null.
  std::unique_ptr<ExactIndex> exact;
  std::unique_ptr<IvfIndex> ivf;
  // One sentence: which, and what was measured.
  std::string reason;

  const ItemIndex& index() const {
    return exact != nullptr ? static_cast<const ItemIndex&>(*exact) : *ivf;
  }
};

// rows [n, d]; who keeps them is as exact_options says. cpu_seconds: the time that this thread has
// used, from any start. Errors as from Create of the two indexes; their metrics must be the same.
Result<EngineChoice> BuildCheaperEngine(std::span<const float> rows, int64_t n, int64_t d,
                                        const ExactOptions& exact_options,
                                        const IvfOptions& ivf_options,
                                        const std::function<double()>& cpu_seconds);

}  // namespace tandem::index
