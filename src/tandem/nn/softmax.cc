#include "tandem/nn/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

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

// The pairs in the order of their rows, and in a row of their columns: those of row r are
// [offsets[r], offsets[r + 1]).
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
  std::span<const double> log_count;  // [nc], or empty for 0
  std::span<const float> count;       // [nc], or empty for 1
  std::span<const float> bias;        // [nc] with log count added, or empty for 0
  bool remove_accidental_hits = false;
  float inverse_temperature = 1;

  ShardPlan plan;
  size_t panel_rows = 0;
  size_t stride = 0;                 // of a panel
  std::span<float> panels;           // [shards, panel_rows, stride]
  std::span<float> scaled;           // [shards, panel_rows, d]
  std::span<double> labels;          // [n] logits of the pairs, then their corrections
  std::span<double> losses;          // [shards]
  std::span<float> factors;          // [nq] what RowLoss returns, over the temperature
  float* query_gradient = nullptr;   // [nq, d], or null
  float* candidate_parts = nullptr;  // [shards, nc, d], or null
};

// A counting sort by one key of the pairs, 0 to keys - 1: pairs of one key keep their order. `from`
// holds numbers of pairs, `to` gets them sorted; those of key k are [ends[k - 1], ends[k]).
void SortBy(std::span<const int32_t> key, std::span<const int32_t> from, std::span<int32_t> ends,
            std::span<int32_t> to) {
  std::fill(ends.begin(), ends.end(), 0);
  // Where each key begins; placing its pairs moves that to where it ends.
  for (const int32_t k : key) {
    if (static_cast<size_t>(k) + 1 < ends.size()) ++ends[static_cast<size_t>(k) + 1];
  }
  for (size_t k = 1; k < ends.size(); ++k) ends[k] += ends[k - 1];
  for (const int32_t pair : from) {
    int32_t& end = ends[static_cast<size_t>(key[static_cast<size_t>(pair)])];
    to[static_cast<size_t>(end++)] = pair;
  }
}

SortedPairs Sort(Tape& tape, const SoftmaxPairs& pairs, size_t nq, size_t nc) {
  const size_t n = pairs.rows.size();
  TANDEM_NN_CHECK(pairs.columns.size() == n, "SoftmaxCrossEntropy");
  TANDEM_NN_CHECK(pairs.weights.empty() || pairs.weights.size() == n, "SoftmaxCrossEntropy");
  for (size_t i = 0; i < n; ++i) {
    TANDEM_NN_CHECK(static_cast<size_t>(pairs.rows[i]) < nq, "SoftmaxCrossEntropy");
    TANDEM_NN_CHECK(static_cast<size_t>(pairs.columns[i]) < nc, "SoftmaxCrossEntropy");
  }
  const std::span<int32_t> order = tape.Scratch<int32_t>(n);
  const std::span<int32_t> by_column = tape.Scratch<int32_t>(n);
  std::iota(order.begin(), order.end(), 0);
  SortBy(pairs.columns, order, tape.Scratch<int32_t>(nc), by_column);
  SortedPairs sorted{tape.Scratch<int32_t>(nq + 1), tape.Scratch<int32_t>(n), tape.Scratch(n)};
  sorted.offsets[0] = 0;
  SortBy(pairs.rows, by_column, sorted.offsets.subspan(1), order);
  for (size_t i = 0; i < n; ++i) {
    const size_t pair = static_cast<size_t>(order[i]);
    sorted.columns[i] = pairs.columns[pair];
    sorted.weights[i] = pairs.weights.empty() ? 1.0F : pairs.weights[pair];
  }
  return sorted;
}

// The sum of a row but for one column.
double SumBut(std::span<const float> row, size_t column) {
  double sum = 0;
  for (size_t j = 0; j < row.size(); ++j) {
    if (j != column) sum += static_cast<double>(row[j]);
  }
  return sum;
}

// One row of logits [nc] with the pairs of its query. Turns the row into count * exp(s - max)
// minus what the positives take off, all to be multiplied with the returned factor to be
// d loss / d s; adds to *loss. Rows without pairs give 0 and are left as they are.
//
// In double but for the row itself: where one column is nearly all of Z, its gradient is the small
// difference of two large sums over its pairs.
float RowLoss(const Problem& p, size_t row, std::span<float> logits, bool with_gradient,
              double* loss) {
  const size_t begin = static_cast<size_t>(p.pairs.offsets[row]);
  const size_t end = static_cast<size_t>(p.pairs.offsets[row + 1]);
  if (begin == end) return 0;
  if (!p.bias.empty()) math::Axpy(1, p.bias, logits);
  for (size_t i = begin; i < end; ++i) {
    const size_t c = static_cast<size_t>(p.pairs.columns[i]);
    p.labels[i] = static_cast<double>(logits[c]) - (p.count.empty() ? 0.0 : p.log_count[c]);
  }
  const double max = static_cast<double>(math::Max(logits));
  const double z = static_cast<double>(math::ExpSubtractSum(logits, static_cast<float>(max)));
  double factor = 0;
  double rest = 0;  // Z but for the column of the pair
  for (size_t i = begin; i < end; ++i) {
    const size_t c = static_cast<size_t>(p.pairs.columns[i]);
    const double weight = static_cast<double>(p.pairs.weights[i]);
    double denominator = z;
    double correction = weight;
    if (p.remove_accidental_hits && !p.count.empty()) {
      const double all = static_cast<double>(logits[c]);         // count exp(s_rc - max)
      const double own = all / static_cast<double>(p.count[c]);  // exp(s_rc - max)
      // Z - (count - 1) e as (Z - count e) + e; summed anew for the column, if there is one, that
      // is more than half of Z, as the difference would hold little but the rounding of Z.
      const bool is_new = i == begin || p.pairs.columns[i - 1] != p.pairs.columns[i];
      if (is_new) rest = all > z / 2 ? SumBut(logits, c) : z - all;
      denominator = rest + own;
      correction += weight * ((all - own) / denominator);
    }
    *loss += weight * (max + std::log(denominator) - p.labels[i]);
    factor += weight / denominator;
    p.labels[i] = correction;
  }
  if (!with_gradient || factor == 0) return 0;
  for (size_t i = begin; i < end;) {
    const int32_t column = p.pairs.columns[i];
    double correction = 0;
    for (; i < end && p.pairs.columns[i] == column; ++i) correction += p.labels[i];
    float& logit = logits[static_cast<size_t>(column)];
    logit = static_cast<float>(static_cast<double>(logit) - correction / factor);
  }
  return static_cast<float>(factor);
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
  const std::span<double> log_count = tape.Scratch<double>(columns.count.size());
  for (size_t j = 0; j < nc; ++j) {
    double sum = columns.bias.empty() ? 0.0 : static_cast<double>(columns.bias[j]);
    if (!log_count.empty()) {
      log_count[j] = std::log(static_cast<double>(columns.count[j]));
      sum += log_count[j];
    }
    bias[j] = static_cast<float>(sum);
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
  p.pairs = Sort(tape, pairs, nq, nc);
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
  p.labels = tape.Scratch<double>(pairs.rows.size());
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
