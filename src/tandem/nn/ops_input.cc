#include <algorithm>
#include <cmath>
#include <cstring>

#include "tandem/nn/ops.h"
#include "tandem/nn/ranges.h"

namespace tandem::nn {

namespace {

void CheckIds(std::span<const int32_t> ids, size_t rows, const char* op) {
  bool all_inside = true;
  for (const int32_t id : ids) all_inside &= id >= 0 && static_cast<size_t>(id) < rows;
  TANDEM_NN_CHECK(all_inside, op);
}

void AddScaled(float factor, const float* source, float* target, size_t n) {
  for (size_t i = 0; i < n; ++i) target[i] += factor * source[i];
}

// What the rows of a list are multiplied with: w_j over the list's divisor.
void ListFactors(std::span<const float> weights, Combiner combiner, std::span<float> factors) {
  double divisor = 1;
  if (combiner == Combiner::kMean || combiner == Combiner::kSqrtN) {
    divisor = 0;
    for (size_t j = 0; j < factors.size(); ++j) {
      const double w = weights.empty() ? 1.0 : static_cast<double>(weights[j]);
      divisor += combiner == Combiner::kMean ? w : w * w;
    }
    if (combiner == Combiner::kSqrtN) divisor = std::sqrt(divisor);
  }
  const float inverse = divisor == 0 ? 0.0F : static_cast<float>(1.0 / divisor);
  for (size_t j = 0; j < factors.size(); ++j) {
    factors[j] = weights.empty() ? inverse : weights[j] * inverse;
  }
}

}  // namespace

Var Constant(Tape& tape, math::ConstMatrixView values) {
  const Var out = tape.NewVar(values.rows, values.cols, false);
  const math::MatrixView y = tape.MutableValue(out);
  for (size_t i = 0; i < values.rows && values.cols > 0; ++i) {
    std::memcpy(y.data + i * y.stride, values.data + i * values.stride,
                values.cols * sizeof(float));
  }
  return out;
}

Var Constant(Tape& tape, std::span<const float> values, size_t rows, size_t cols) {
  TANDEM_NN_CHECK(values.size() == rows * cols, "Constant");
  return Constant(tape, math::ConstMatrixView{values.data(), rows, cols, cols});
}

Var Variable(Tape& tape, const Parameter& parameter) {
  const float* value = parameter.value().data();
  if (!tape.recording()) {
    return tape.NewAlias(value, parameter.rows(), parameter.cols(), nullptr);
  }
  if (parameter.kind() == ParameterKind::kDense) {
    parameter.TouchGradient();
    return tape.NewAlias(value, parameter.rows(), parameter.cols(),
                         parameter.dense_gradient().data());
  }
  // A table's dense part is kept on the tape and handed over row by row.
  const std::span<float> gradient = tape.Scratch(parameter.value().size());
  std::fill(gradient.begin(), gradient.end(), 0.0F);
  const Var out = tape.NewAlias(value, parameter.rows(), parameter.cols(), gradient.data());
  tape.Record(out, [table = &parameter, gradient](Tape&) {
    table->TouchGradient();
    SparseRows& rows = table->sparse_gradient();
    const size_t d = table->cols();
    for (size_t i = 0; i < table->rows(); ++i) {
      AddScaled(1, gradient.data() + i * d, rows.Row(static_cast<int32_t>(i)).data(), d);
    }
  });
  return out;
}

Var Lookup(Tape& tape, const Parameter& table, std::span<const int32_t> ids) {
  CheckIds(ids, table.rows(), "Lookup");
  const size_t d = table.cols();
  const Var out = tape.NewVar(ids.size(), d, true);
  const math::MatrixView y = tape.MutableValue(out);
  ForRanges(tape, ids.size(), 1024, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      std::memcpy(y.data + i * d, table.value().row(static_cast<size_t>(ids[i])).data(),
                  d * sizeof(float));
    }
  });
  if (!tape.recording()) return out;
  tape.Record(out, [out, table = &table, ids = tape.Keep(ids), d](Tape& t) {
    const math::ConstMatrixView dy = t.Gradient(out);
    table->TouchGradient();
    SparseRows& rows = table->sparse_gradient();
    for (size_t i = 0; i < ids.size(); ++i) {
      AddScaled(1, dy.data + i * d, rows.Row(ids[i]).data(), d);
    }
  });
  return out;
}

Var Bag(Tape& tape, const Parameter& table, std::span<const int64_t> offsets,
        std::span<const int32_t> ids, std::span<const float> weights, Combiner combiner) {
  TANDEM_NN_CHECK(!offsets.empty() && offsets.front() == 0, "Bag");
  TANDEM_NN_CHECK(static_cast<size_t>(offsets.back()) == ids.size(), "Bag");
  TANDEM_NN_CHECK(std::is_sorted(offsets.begin(), offsets.end()), "Bag");
  TANDEM_NN_CHECK(weights.empty() || weights.size() == ids.size(), "Bag");
  CheckIds(ids, table.rows(), "Bag");
  const size_t d = table.cols();
  const size_t n = offsets.size() - 1;
  const Var out = tape.NewVar(n, d, true);
  const math::MatrixView y = tape.MutableValue(out);
  const std::span<float> factors = tape.Scratch(ids.size());
  ForRanges(tape, n, 32, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const size_t first = static_cast<size_t>(offsets[i]);
      const size_t length = static_cast<size_t>(offsets[i + 1]) - first;
      ListFactors(weights.empty() ? weights : weights.subspan(first, length), combiner,
                  factors.subspan(first, length));
      float* row = y.data + i * d;
      std::fill(row, row + d, 0.0F);
      for (size_t j = first; j < first + length; ++j) {
        AddScaled(factors[j], table.value().row(static_cast<size_t>(ids[j])).data(), row, d);
      }
    }
  });
  if (!tape.recording()) return out;
  tape.Record(out, [out, table = &table, offsets = tape.Keep(offsets), ids = tape.Keep(ids),
                    factors, d](Tape& t) {
    const math::ConstMatrixView dy = t.Gradient(out);
    table->TouchGradient();
    SparseRows& rows = table->sparse_gradient();
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      for (size_t j = static_cast<size_t>(offsets[i]); j < static_cast<size_t>(offsets[i + 1]);
           ++j) {
        AddScaled(factors[j], dy.data + i * d, rows.Row(ids[j]).data(), d);
      }
    }
  });
  return out;
}

Var Gather(Var x, std::span<const int32_t> rows) {
  Tape& tape = x.tape();
  CheckIds(rows, x.rows(), "Gather");
  const size_t d = x.cols();
  const Var out = tape.NewVar(rows.size(), d, tape.NeedsGradient(x));
  const math::MatrixView y = tape.MutableValue(out);
  const math::ConstMatrixView source = x.view();
  ForRanges(tape, rows.size(), 1024, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      std::memcpy(y.data + i * d, source.data + static_cast<size_t>(rows[i]) * d,
                  d * sizeof(float));
    }
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, x, rows = tape.Keep(rows), d](Tape& t) {
    const math::ConstMatrixView dy = t.Gradient(out);
    const math::MatrixView dx = t.Gradient(x);
    for (size_t i = 0; i < rows.size(); ++i) {
      AddScaled(1, dy.data + i * d, dx.data + static_cast<size_t>(rows[i]) * d, d);
    }
  });
  return out;
}

}  // namespace tandem::nn
