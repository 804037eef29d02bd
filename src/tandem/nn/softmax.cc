#include "tandem/nn/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "tandem/math/kernels.h"
#include "tandem/math/matmul.h"
#include "tandem/nn/ranges.h"

namespace tandem::nn {

namespace {

using math::Transpose;

constexpr size_t kPanelFloats = size_t{256} * 1024 / sizeof(float);
constexpr size_t kMinPanelRows = 8;
constexpr size_t kMinShardRows = 96;
constexpr size_t kMaxPartialFloats = size_t{64} * 1024 * 1024 / sizeof(float);

// The pairs in the order of their rows: those of row r are [offsets[r], offsets[r + 1]).
struct SortedPairs {
  std::span<int32_t> offsets;  // [nq + 1]
  std::span<int32_t> columns;  // [n]
  std::span<float> weights;    // [n]
};

// Everything a shard reads, and where it writes.
struct Problem {
  math::ConstMatrixView queries;     // [nq, d]
  math::ConstMatrixView candidates;  // [nc, d]
  SortedPairs pairs;
  std::span<const float> log_count;  // [nc]
  std::span<const float> count;      // [nc], or empty for 1
  std::span<const float> bias;       // [nc] with log count added, or empty for 0
  bool remove_accidental_hits = false;
  float inverse_temperature = 1;

  ShardPlan plan;
  size_t panel_rows = 0;
  size_t stride = 0;                 // of a panel
  std::span<float> panels;           // [shards, panel_rows, stride]
  std::span<float> scaled;           // [shards, panel_rows, d]
  std::span<float> labels;           // [n] logits of the pairs, then their corrections
  std::span<double> losses;          // [shards]
  std::span<float> factors;          // [nq] what RowLoss returns, over the temperature
  float* query_gradient = nullptr;   // [nq, d], or null
  float* candidate_parts = nullptr;  // [shards, nc, d], or null
};

SortedPairs SortByRow(Tape& tape, const SoftmaxPairs& pairs, size_t nq, size_t nc) {
  const size_t n = pairs.rows.size();
  TANDEM_NN_CHECK(pairs.columns.size() == n, "SoftmaxCrossEntropy");
  TANDEM_NN_CHECK(pairs.weights.empty() || pairs.weights.size() == n, "SoftmaxCrossEntropy");
  SortedPairs sorted{tape.Scratch<int32_t>(nq + 1), tape.Scratch<int32_t>(n), tape.Scratch(n)};
  std::fill(sorted.offsets.begin(), sorted.offsets.end(), 0);
  for (size_t i = 0; i < n; ++i) {
    const size_t row = static_cast<size_t>(pairs.rows[i]);
    TANDEM_NN_CHECK(row < nq, "SoftmaxCrossEntropy");
    TANDEM_NN_CHECK(static_cast<size_t>(pairs.columns[i]) < nc, "SoftmaxCrossEntropy");
    if (row + 1 < nq) ++sorted.offsets[row + 2];
  }
  // Now offsets[r + 2] counts row r; after the sums offsets[r + 1] is where row r begins, and
  // placing its pairs moves that to where it ends.
  for (size_t r = 2; r <= nq; ++r) sorted.offsets[r] += sorted.offsets[r - 1];
  for (size_t i = 0; i < n; ++i) {
    const size_t at = static_cast<size_t>(sorted.offsets[static_cast<size_t>(pairs.rows[i]) + 1]++);
    sorted.columns[at] = pairs.columns[i];
    sorted.weights[at] = pairs.weights.empty() ? 1.0F : pairs.weights[i];
  }
  return sorted;
}

// One row of logits [nc] with the pairs of its query. Turns the row into count * exp(s - max)
// minus what the positives take off, all to be multiplied with the returned factor to be
// d loss / d s; adds to *loss. Rows without pairs give 0 and are left as they are.
float RowLoss(const Problem& p, size_t row, std::span<float> logits, bool with_gradient,
              double* loss) {
  const size_t begin = static_cast<size_t>(p.pairs.offsets[row]);
  const size_t end = static_cast<size_t>(p.pairs.offsets[row + 1]);
  if (begin == end) return 0;
  if (!p.bias.empty()) math::Axpy(1, p.bias, logits);
  for (size_t i = begin; i < end; ++i) {
    const size_t c = static_cast<size_t>(p.pairs.columns[i]);
    p.labels[i] = logits[c] - (p.count.empty() ? 0.0F : p.log_count[c]);
  }
  const float max = math::Max(logits);
  const float z = math::ExpSubtractSum(logits, max);
  float factor = 0;
  for (size_t i = begin; i < end; ++i) {
    const size_t c = static_cast<size_t>(p.pairs.columns[i]);
    const float weight = p.pairs.weights[i];
    float denominator = z;
    float correction = weight;
    if (p.remove_accidental_hits && !p.count.empty()) {
      const float own = logits[c] / p.count[c];  // exp(s_rc - max)
      const float others = logits[c] - own;      // (count - 1) exp(s_rc - max)
      // Z - (count - 1) e as (Z - count e) + e: exact where the column is nearly all of Z.
      denominator = std::max(z - logits[c], 0.0F) + own;
      correction += weight * (others / denominator);
    }
    *loss += static_cast<double>(weight) *
             (static_cast<double>(max) + std::log(static_cast<double>(denominator)) -
              static_cast<double>(p.labels[i]));
    factor += weight / denominator;
    p.labels[i] = correction;
  }
  if (!with_gradient || factor == 0) return 0;
  for (size_t i = begin; i < end; ++i) {
    logits[static_cast<size_t>(p.pairs.columns[i])] -= p.labels[i] / factor;
  }
  return factor;
}

void RunShard(const Problem& p, size_t shard) {
  const size_t d = p.queries.cols;
  const size_t nc = p.candidates.rows;
  const size_t first_row = p.plan.Begin(shard);
  const size_t shard_rows = p.plan.End(shard) - first_row;
  const size_t panel_count = (shard_rows + p.panel_rows - 1) / p.panel_rows;
  float* panel = p.panels.data() + shard * p.panel_rows * p.stride;
  float* scaled = p.scaled.data() + shard * p.panel_rows * d;
  const bool with_gradient = p.query_gradient != nullptr || p.candidate_parts != nullptr;
  double loss = 0;
  for (size_t i = 0; i < panel_count; ++i) {
    const size_t begin = first_row + shard_rows * i / panel_count;
    const size_t end = first_row + shard_rows * (i + 1) / panel_count;
    const math::ConstMatrixView queries = RowRange(p.queries, begin, end);
    const math::MatrixView logits{panel, end - begin, nc, p.stride};
    math::MatMul(Transpose::kNo, Transpose::kYes, p.inverse_temperature, queries, p.candidates, 0,
                 logits);
    for (size_t r = 0; r < logits.rows; ++r) {
      const float factor = p.inverse_temperature *
                           RowLoss(p, begin + r, {panel + r * p.stride, nc}, with_gradient, &loss);
      p.factors[begin + r] = factor;
      const float* query = queries.data + r * queries.stride;
      for (size_t j = 0; j < d; ++j) scaled[r * d + j] = factor * query[j];
    }
    if (p.candidate_parts != nullptr) {
      math::MatMul(Transpose::kYes, Transpose::kNo, 1, logits,
                   math::ConstMatrixView{scaled, logits.rows, d, d}, i == 0 ? 0.0F : 1.0F,
                   math::MatrixView{p.candidate_parts + shard * nc * d, nc, d, d});
    }
    if (p.query_gradient == nullptr) continue;
    float* gradient = p.query_gradient + begin * d;
    math::MatMul(Transpose::kNo, Transpose::kNo, 1, logits, p.candidates, 0,
                 math::MatrixView{gradient, logits.rows, d, d});
    for (size_t r = 0; r < logits.rows; ++r) {
      for (size_t j = 0; j < d; ++j) gradient[r * d + j] *= p.factors[begin + r];
    }
  }
  p.losses[shard] = loss;
}

// Number of shards: a power of two, so that it divides well among threads.
ShardPlan PlanSoftmaxShards(size_t nq, size_t nc, size_t d) {
  const size_t by_memory = std::max<size_t>(1, kMaxPartialFloats / std::max<size_t>(1, nc * d));
  const size_t count = PlanShards(nq, kMinShardRows, std::min(kMaxShards, by_memory)).count;
  return {nq, std::bit_floor(count)};
}

void PrepareColumns(Tape& tape, const SoftmaxColumns& columns, size_t nc, Problem* p) {
  TANDEM_NN_CHECK(columns.bias.empty() || columns.bias.size() == nc, "SoftmaxCrossEntropy");
  TANDEM_NN_CHECK(columns.count.empty() || columns.count.size() == nc, "SoftmaxCrossEntropy");
  p->count = columns.count;
  if (columns.bias.empty() && columns.count.empty()) return;
  const std::span<float> bias = tape.Scratch(nc);
  const std::span<float> log_count = tape.Scratch(nc);
  for (size_t j = 0; j < nc; ++j) {
    log_count[j] = columns.count.empty() ? 0.0F : std::log(columns.count[j]);
    bias[j] = (columns.bias.empty() ? 0.0F : columns.bias[j]) + log_count[j];
  }
  p->log_count = log_count;
  p->bias = bias;
}

}  // namespace

Var SoftmaxCrossEntropy(Var queries, Var candidates, const SoftmaxColumns& columns,
                        const SoftmaxPairs& pairs, const SoftmaxOptions& options) {
  Tape& tape = queries.tape();
  const size_t nq = queries.rows();
  const size_t nc = candidates.rows();
  const size_t d = queries.cols();
  TANDEM_NN_CHECK(candidates.cols() == d && d > 0, "SoftmaxCrossEntropy");
  TANDEM_NN_CHECK(options.temperature > 0, "SoftmaxCrossEntropy");
  const bool to_queries = tape.NeedsGradient(queries);
  const bool to_candidates = tape.NeedsGradient(candidates);
  const Var out = tape.NewVar(1, 1, to_queries || to_candidates);

  Problem p;
  p.queries = queries.view();
  p.candidates = candidates.view();
  p.pairs = SortByRow(tape, pairs, nq, nc);
  PrepareColumns(tape, columns, nc, &p);
  p.remove_accidental_hits = options.remove_accidental_hits;
  p.inverse_temperature = 1 / options.temperature;
  p.plan = PlanSoftmaxShards(nq, nc, d);
  p.stride = (nc + 15) / 16 * 16;
  const size_t shard_rows = p.plan.count == 0 ? 0 : (nq + p.plan.count - 1) / p.plan.count;
  p.panel_rows = std::max(kPanelFloats / std::max<size_t>(1, p.stride), kMinPanelRows);
  p.panel_rows = std::min(p.panel_rows, std::max<size_t>(1, shard_rows));
  p.panels = tape.Scratch(p.plan.count * p.panel_rows * p.stride);
  p.scaled = tape.Scratch(p.plan.count * p.panel_rows * d);
  p.labels = tape.Scratch(pairs.rows.size());
  p.factors = tape.Scratch(nq);
  p.losses = tape.Scratch<double>(p.plan.count);
  if (to_queries) p.query_gradient = tape.Scratch(nq * d).data();
  if (to_candidates) p.candidate_parts = tape.Scratch(p.plan.count * nc * d).data();
  tape.workers().Run(p.plan.count, [&p](size_t shard) { RunShard(p, shard); });

  double loss = 0;
  for (const double part : p.losses) loss += part;
  tape.MutableValue(out).data[0] = static_cast<float>(loss);
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, queries, candidates, query_gradient = p.query_gradient,
                    parts = p.candidate_parts, count = p.plan.count](Tape& t) {
    const float upstream = t.Gradient(out).data[0];
    const auto add = [&](Var to, const float* gradients, size_t parts_count) {
      const size_t n = to.values().size();
      float* target = t.Gradient(to).data;
      ForRanges(t, n, 2048, [&](size_t begin, size_t end) {
        for (size_t part = 0; part < parts_count; ++part) {
          const float* source = gradients + part * n;
          for (size_t i = begin; i < end; ++i) target[i] += upstream * source[i];
        }
      });
    };
    if (query_gradient != nullptr) add(queries, query_gradient, 1);
    if (parts != nullptr) add(candidates, parts, count);
  });
  return out;
}

}  // namespace tandem::nn
