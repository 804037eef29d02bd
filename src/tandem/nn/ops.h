// The ops of the tape. Shapes are [rows, cols]; an op's result lives on the tape of its first
// argument. Spans are copied where the backward pass needs them: they may go after the call.
// Gradients flow to the parameters and through every Var that depends on one. Sums over rows are
// made in shards whose number depends on the shape alone. The losses that are fused are in
// softmax.h.
#pragma once

#include <cstdint>
#include <span>

#include "tandem/nn/parameter.h"
#include "tandem/nn/tape.h"

namespace tandem::nn {

// Inputs.

// A copy of the values [rows, cols]; no gradient.
Var Constant(Tape& tape, math::ConstMatrixView values);
Var Constant(Tape& tape, std::span<const float> values, size_t rows, size_t cols);
// All of a parameter, in place. A table's gradient then has every row.
Var Variable(Tape& tape, const Parameter& parameter);
// Rows of a table: [n] ids -> [n, d].
Var Lookup(Tape& tape, const Parameter& table, std::span<const int32_t> ids);

enum class Combiner {
  kSum,    // sum of w_j e_j
  kMean,   // divided by the sum of w_j
  kSqrtN,  // divided by the root of the sum of w_j^2
};

// One row for each list of ids: list i is ids[offsets[i] .. offsets[i + 1]), [n + 1] offsets ->
// [n, d]. Weights are one for each id, or empty for 1. An empty list, or one whose divisor is 0,
// gives a row of zeros. (Keras RS EmbedReduce.)
Var Bag(Tape& tape, const Parameter& table, std::span<const int64_t> offsets,
        std::span<const int32_t> ids, std::span<const float> weights = {},
        Combiner combiner = Combiner::kMean);

// Rows of a value: x [m, d], [n] rows -> [n, d].
Var Gather(Var x, std::span<const int32_t> rows);

// Dense algebra.

enum class Activation { kNone, kRelu };

Var MatMul(Var a, Var b);      // [n, k] x [k, m] -> [n, m]
Var AddBias(Var x, Var bias);  // [n, m] + [1, m]
Var Dense(Var x, const Parameter& weight, const Parameter& bias,
          Activation activation = Activation::kNone);  // act(x W + b): W [k, m], b [1, m]
Var Relu(Var x);
Var Concat(std::span<const Var> parts);  // side by side: [n, a], [n, b], ... -> [n, a + b + ...]
Var Concat(Var a, Var b);
Var Add(Var a, Var b);  // equal shapes, here and below
Var Subtract(Var a, Var b);
Var Multiply(Var a, Var b);
Var Scale(Var x, float factor);
Var RowDot(Var a, Var b);  // [n, d], [n, d] -> [n, 1]

// In training each element is 0 with probability rate, else divided by (1 - rate); in inference
// x itself. `stream` names the random stream of this use within the step. 0 <= rate < 1.
Var Dropout(Var x, float rate, uint64_t stream);

// To one number [1, 1], summed in double.

Var Sum(Var x);
Var Mean(Var x);

enum class Reduction { kMean, kSum };

// sum of w_i (prediction_i - target_i)^2, divided by n with kMean (as Keras does, whatever the
// weights). prediction [n, 1], targets [n], weights [n] or empty for 1.
Var SquaredError(Var prediction, std::span<const float> targets,
                 std::span<const float> weights = {}, Reduction reduction = Reduction::kMean);

}  // namespace tandem::nn
