// How ops cut work: ranges and shards whose number depends on the shape alone.
#pragma once

#include <cstddef>

#include "tandem/math/matrix.h"
#include "tandem/nn/tape.h"

namespace tandem::nn {

inline constexpr size_t kMaxShards = 16;

// body(begin, end) over [0, n), in parallel; ranges of at least min_size.
template <typename Body>
void ForRanges(Tape& tape, size_t n, size_t min_size, const Body& body) {
  const ShardPlan plan = PlanShards(n, min_size, kMaxShards);
  tape.workers().Run(plan.count, [&](size_t shard) { body(plan.Begin(shard), plan.End(shard)); });
}

// target[i] += parts[0 * n + i] + parts[1 * n + i] + ..., in this order.
inline void AddParts(Tape& tape, const float* parts, size_t count, size_t n, float* target) {
  ForRanges(tape, n, 4096, [&](size_t begin, size_t end) {
    for (size_t part = 0; part < count; ++part) {
      const float* source = parts + part * n;
      for (size_t i = begin; i < end; ++i) target[i] += source[i];
    }
  });
}

// Rows [begin, end) of a matrix.
inline math::MatrixView RowRange(math::MatrixView m, size_t begin, size_t end) {
  return {m.data + begin * m.stride, end - begin, m.cols, m.stride};
}
inline math::ConstMatrixView RowRange(math::ConstMatrixView m, size_t begin, size_t end) {
  return {m.data + begin * m.stride, end - begin, m.cols, m.stride};
}

}  // namespace tandem::nn
