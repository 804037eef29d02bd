#include <cstring>

#include "tandem/nn/ops.h"
#include "tandem/nn/ranges.h"

namespace tandem::nn {

namespace {

constexpr size_t kMinElements = 8192;

void CheckSameShape(Var a, Var b, const char* op) {
  TANDEM_NN_CHECK(a.rows() == b.rows() && a.cols() == b.cols(), op);
}

// y[i] = f(x[i]); dx[i] += dy[i] * df(x[i]).
template <typename F, typename Df>
Var Unary(Var x, F f, Df df) {
  Tape& tape = x.tape();
  const Var out = tape.NewVar(x.rows(), x.cols(), tape.NeedsGradient(x));
  float* y = tape.MutableValue(out).data;
  const std::span<const float> source = x.values();
  ForRanges(tape, source.size(), kMinElements, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) y[i] = f(source[i]);
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, x, df](Tape& t) {
    const float* dy = t.Gradient(out).data;
    float* dx = t.Gradient(x).data;
    const std::span<const float> value = x.values();
    ForRanges(t, value.size(), kMinElements, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) dx[i] += dy[i] * df(value[i]);
    });
  });
  return out;
}

// y[i] = f(a[i], b[i]); da[i] += dy[i] * dfa(a[i], b[i]), and b likewise.
template <typename F, typename Dfa, typename Dfb>
Var Binary(Var a, Var b, F f, Dfa dfa, Dfb dfb) {
  Tape& tape = a.tape();
  const Var out = tape.NewVar(a.rows(), a.cols(), tape.NeedsGradient(a) || tape.NeedsGradient(b));
  float* y = tape.MutableValue(out).data;
  const std::span<const float> left = a.values();
  const std::span<const float> right = b.values();
  ForRanges(tape, left.size(), kMinElements, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) y[i] = f(left[i], right[i]);
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, a, b, dfa, dfb](Tape& t) {
    const float* dy = t.Gradient(out).data;
    const std::span<const float> va = a.values();
    const std::span<const float> vb = b.values();
    if (t.NeedsGradient(a)) {
      float* da = t.Gradient(a).data;
      ForRanges(t, va.size(), kMinElements, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) da[i] += dy[i] * dfa(va[i], vb[i]);
      });
    }
    if (t.NeedsGradient(b)) {
      float* db = t.Gradient(b).data;
      ForRanges(t, vb.size(), kMinElements, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) db[i] += dy[i] * dfb(va[i], vb[i]);
      });
    }
  });
  return out;
}

}  // namespace

Var Relu(Var x) {
  return Unary(
      x, [](float v) { return v > 0 ? v : 0.0F; }, [](float v) { return v > 0 ? 1.0F : 0.0F; });
}

Var Scale(Var x, float factor) {
  return Unary(
      x, [factor](float v) { return factor * v; }, [factor](float) { return factor; });
}

Var Add(Var a, Var b) {
  CheckSameShape(a, b, "Add");
  const auto one = [](float, float) { return 1.0F; };
  return Binary(
      a, b, [](float l, float r) { return l + r; }, one, one);
}

Var Subtract(Var a, Var b) {
  CheckSameShape(a, b, "Subtract");
  return Binary(
      a, b, [](float l, float r) { return l - r; }, [](float, float) { return 1.0F; },
      [](float, float) { return -1.0F; });
}

Var Multiply(Var a, Var b) {
  CheckSameShape(a, b, "Multiply");
  return Binary(
      a, b, [](float l, float r) { return l * r; }, [](float, float r) { return r; },
      [](float l, float) { return l; });
}

Var RowDot(Var a, Var b) {
  CheckSameShape(a, b, "RowDot");
  Tape& tape = a.tape();
  const size_t d = a.cols();
  const Var out = tape.NewVar(a.rows(), 1, tape.NeedsGradient(a) || tape.NeedsGradient(b));
  float* y = tape.MutableValue(out).data;
  const float* left = a.values().data();
  const float* right = b.values().data();
  ForRanges(tape, a.rows(), 512, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      float sum = 0;
      for (size_t j = 0; j < d; ++j) sum += left[i * d + j] * right[i * d + j];
      y[i] = sum;
    }
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, a, b, d](Tape& t) {
    const float* dy = t.Gradient(out).data;
    const auto add = [&](Var to, Var other) {
      if (!t.NeedsGradient(to)) return;
      float* gradient = t.Gradient(to).data;
      const float* value = other.values().data();
      ForRanges(t, to.rows(), 512, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) {
          for (size_t j = 0; j < d; ++j) gradient[i * d + j] += dy[i] * value[i * d + j];
        }
      });
    };
    add(a, b);
    add(b, a);
  });
  return out;
}

Var Concat(std::span<const Var> parts) {
  TANDEM_NN_CHECK(!parts.empty(), "Concat");
  Tape& tape = parts[0].tape();
  const size_t n = parts[0].rows();
  size_t total = 0;
  bool needs_gradient = false;
  for (const Var& part : parts) {
    TANDEM_NN_CHECK(part.rows() == n, "Concat");
    total += part.cols();
    needs_gradient |= tape.NeedsGradient(part);
  }
  const Var out = tape.NewVar(n, total, needs_gradient);
  float* y = tape.MutableValue(out).data;
  ForRanges(tape, n, 512, [&](size_t begin, size_t end) {
    size_t at = 0;
    for (const Var& part : parts) {
      const size_t d = part.cols();
      const float* source = part.values().data();
      for (size_t i = begin; i < end && d > 0; ++i) {
        std::memcpy(y + i * total + at, source + i * d, d * sizeof(float));
      }
      at += d;
    }
  });
  if (!tape.NeedsGradient(out)) return out;
  tape.Record(out, [out, parts = tape.Keep(parts), total, n](Tape& t) {
    const float* dy = t.Gradient(out).data;
    size_t at = 0;
    for (const Var& part : parts) {
      const size_t d = part.cols();
      if (t.NeedsGradient(part)) {
        float* dx = t.Gradient(part).data;
        ForRanges(t, n, 512, [&](size_t begin, size_t end) {
          for (size_t i = begin; i < end; ++i) {
            for (size_t j = 0; j < d; ++j) dx[i * d + j] += dy[i * total + at + j];
          }
        });
      }
      at += d;
    }
  });
  return out;
}

Var Concat(Var a, Var b) {
  const Var parts[] = {a, b};
  return Concat(parts);
}

Var Dropout(Var x, float rate, uint64_t stream) {
  TANDEM_NN_CHECK(rate >= 0 && rate < 1, "Dropout");
  Tape& tape = x.tape();
  if (tape.mode() == Mode::kInference || rate == 0) return x;
  const Rng rng = tape.Stream("dropout", stream);
  const std::span<float> mask = tape.Scratch(x.values().size());
  const ShardPlan plan = PlanShards(mask.size(), kMinElements, kMaxShards);
  tape.workers().Run(plan.count, [&](size_t shard) {
    Rng draw = rng.Fork("shard", shard);
    for (size_t i = plan.Begin(shard); i < plan.End(shard); ++i) {
      mask[i] = draw.UniformFloat() < rate ? 0.0F : 1.0F / (1.0F - rate);
    }
  });
  const Var factors = tape.NewAlias(mask.data(), x.rows(), x.cols(), nullptr);
  return Multiply(x, factors);
}

}  // namespace tandem::nn
