#include "tandem/math/matmul.h"
#include "tandem/nn/ops.h"
#include "tandem/nn/ranges.h"

namespace tandem::nn {

namespace {

using math::MatMul;
using math::Transpose;

// What act(x W + b) needs on its way back.
struct Affine {
  Var x;
  Var weight;
  Var bias;  // of no tape where there is none
  bool has_bias;
  Var out;
  Activation activation;
  ShardPlan plan;
};

void AddBiasAndActivate(math::MatrixView y, const float* bias, Activation activation) {
  for (size_t i = 0; i < y.rows; ++i) {
    float* row = y.data + i * y.stride;
    if (bias != nullptr) {
      for (size_t j = 0; j < y.cols; ++j) row[j] += bias[j];
    }
    if (activation == Activation::kRelu) {
      for (size_t j = 0; j < y.cols; ++j) row[j] = row[j] > 0 ? row[j] : 0.0F;
    }
  }
}

// dy becomes the gradient before the activation, in place: nothing else reads it any more.
void MaskInactive(math::MatrixView dy, math::ConstMatrixView y) {
  for (size_t i = 0; i < dy.rows; ++i) {
    float* gradient = dy.data + i * dy.stride;
    const float* value = y.data + i * y.stride;
    for (size_t j = 0; j < dy.cols; ++j) gradient[j] = value[j] > 0 ? gradient[j] : 0.0F;
  }
}

void SumRows(math::ConstMatrixView dy, float* sums) {
  for (size_t j = 0; j < dy.cols; ++j) sums[j] = 0;
  for (size_t i = 0; i < dy.rows; ++i) {
    const float* row = dy.data + i * dy.stride;
    for (size_t j = 0; j < dy.cols; ++j) sums[j] += row[j];
  }
}

void AffineBackward(const Affine& op, Tape& tape) {
  const math::MatrixView dy = tape.Gradient(op.out);
  const bool to_x = tape.NeedsGradient(op.x);
  const bool to_weight = tape.NeedsGradient(op.weight);
  const bool to_bias = op.has_bias && tape.NeedsGradient(op.bias);
  const math::MatrixView dx = to_x ? tape.Gradient(op.x) : math::MatrixView{};
  const math::ConstMatrixView x = op.x.view();
  const math::ConstMatrixView w = op.weight.view();
  const size_t k = w.rows;
  const size_t m = w.cols;
  const std::span<float> weight_parts = tape.Scratch(to_weight ? op.plan.count * k * m : 0);
  const std::span<float> bias_parts = tape.Scratch(to_bias ? op.plan.count * m : 0);
  tape.workers().Run(op.plan.count, [&](size_t shard) {
    const size_t begin = op.plan.Begin(shard);
    const size_t end = op.plan.End(shard);
    const math::MatrixView dy_rows = RowRange(dy, begin, end);
    if (op.activation == Activation::kRelu) {
      MaskInactive(dy_rows, RowRange(op.out.view(), begin, end));
    }
    if (to_bias) SumRows(dy_rows, bias_parts.data() + shard * m);
    if (to_x) {
      MatMul(Transpose::kNo, Transpose::kYes, 1, dy_rows, w, 1, RowRange(dx, begin, end));
    }
    if (to_weight) {
      MatMul(Transpose::kYes, Transpose::kNo, 1, RowRange(x, begin, end), dy_rows, 0,
             math::MatrixView{weight_parts.data() + shard * k * m, k, m, m});
    }
  });
  if (to_weight) {
    AddParts(tape, weight_parts.data(), op.plan.count, k * m, tape.Gradient(op.weight).data);
  }
  if (to_bias) AddParts(tape, bias_parts.data(), op.plan.count, m, tape.Gradient(op.bias).data);
}

Var RunAffine(Affine op) {
  Tape& tape = op.x.tape();
  const math::ConstMatrixView x = op.x.view();
  const math::ConstMatrixView w = op.weight.view();
  op.plan = PlanShards(x.rows, 64, kMaxShards);
  const bool needs_gradient = tape.NeedsGradient(op.x) || tape.NeedsGradient(op.weight) ||
                              (op.has_bias && tape.NeedsGradient(op.bias));
  op.out = tape.NewVar(x.rows, w.cols, needs_gradient);
  const math::MatrixView y = tape.MutableValue(op.out);
  const float* bias = op.has_bias ? op.bias.values().data() : nullptr;
  tape.workers().Run(op.plan.count, [&](size_t shard) {
    const size_t begin = op.plan.Begin(shard);
    const size_t end = op.plan.End(shard);
    const math::MatrixView rows = RowRange(y, begin, end);
    MatMul(Transpose::kNo, Transpose::kNo, 1, RowRange(x, begin, end), w, 0, rows);
    AddBiasAndActivate(rows, bias, op.activation);
  });
  if (tape.NeedsGradient(op.out)) {
    tape.Record(op.out, [op](Tape& t) { AffineBackward(op, t); });
  }
  return op.out;
}

}  // namespace

Var MatMul(Var a, Var b) {
  TANDEM_NN_CHECK(a.cols() == b.rows(), "MatMul");
  return RunAffine({a, b, Var(), false, Var(), Activation::kNone, {}});
}

Var Dense(Var x, const Parameter& weight, const Parameter& bias, Activation activation) {
  TANDEM_NN_CHECK(weight.kind() == ParameterKind::kDense, "Dense");
  TANDEM_NN_CHECK(x.cols() == weight.rows(), "Dense");
  TANDEM_NN_CHECK(bias.rows() == 1 && bias.cols() == weight.cols(), "Dense");
  Tape& tape = x.tape();
  return RunAffine({x, Variable(tape, weight), Variable(tape, bias), true, Var(), activation, {}});
}

Var AddBias(Var x, Var bias) {
  TANDEM_NN_CHECK(bias.rows() == 1 && bias.cols() == x.cols(), "AddBias");
  Tape& tape = x.tape();
  const Var out =
      tape.NewVar(x.rows(), x.cols(), tape.NeedsGradient(x) || tape.NeedsGradient(bias));
  const math::MatrixView y = tape.MutableValue(out);
  const float* source = x.values().data();
  const float* b = bias.values().data();
  const size_t d = x.cols();
  const ShardPlan plan = PlanShards(x.rows(), 256, kMaxShards);
  ForRanges(tape, x.rows(), 256, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      for (size_t j = 0; j < d; ++j) y.data[i * d + j] = source[i * d + j] + b[j];
    }
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, x, bias, plan, d](Tape& t) {
    const math::ConstMatrixView dy = t.Gradient(out);
    if (t.NeedsGradient(x)) AddParts(t, dy.data, 1, dy.rows * d, t.Gradient(x).data);
    if (!t.NeedsGradient(bias)) return;
    const std::span<float> parts = t.Scratch(plan.count * d);
    t.workers().Run(plan.count, [&](size_t shard) {
      SumRows(RowRange(dy, plan.Begin(shard), plan.End(shard)), parts.data() + shard * d);
    });
    AddParts(t, parts.data(), plan.count, d, t.Gradient(bias).data);
  });
  return out;
}

}  // namespace tandem::nn
