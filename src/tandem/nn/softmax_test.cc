#include "tandem/nn/softmax.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tandem/nn/gradient_check.h"
#include "tandem/nn/ops.h"

namespace tandem::nn {
namespace {

constexpr size_t kD = 8;

// B interactions of users and items, with repetition, and the same collapsed.
struct Batch {
  std::vector<int32_t> user_of;  // [B] rows
  std::vector<int32_t> item_of;  // [B] columns
  std::vector<float> weights;    // [B]
  std::vector<float> log_q;      // [nc]
  std::vector<float> counts;     // [nc]
};

Batch MakeBatch(size_t size, size_t nq, size_t nc, uint64_t seed) {
  Rng rng = Rng(seed).Fork("batch");
  Batch batch;
  batch.counts.assign(nc, 0);
  for (size_t i = 0; i < size; ++i) {
    // Every user and item at least once, small ones often.
    batch.user_of.push_back(static_cast<int32_t>(i < nq ? i : rng.UniformInt(nq)));
    batch.item_of.push_back(
        static_cast<int32_t>(i < nc ? i : rng.UniformInt(1 + rng.UniformInt(nc))));
    batch.weights.push_back(rng.UniformFloat(0.2F, 2));
    ++batch.counts[static_cast<size_t>(batch.item_of.back())];
  }
  for (size_t j = 0; j < nc; ++j) batch.log_q.push_back(std::log(rng.UniformFloat(0.01F, 1)));
  return batch;
}

struct Reference {
  double loss = 0;
  std::vector<double> dq;  // [nq, d]
  std::vector<double> dc;  // [nc, d]
};

// The B x B softmax of TFRS, in double, one step after the other.
Reference NaiveInBatch(const Tensor& q, const Tensor& c, const Batch& batch, bool logq,
                       bool remove_hits, double temperature) {
  const size_t size = batch.user_of.size();
  Reference result;
  result.dq.assign(q.size(), 0);
  result.dc.assign(c.size(), 0);
  std::vector<double> scores(size);
  for (size_t i = 0; i < size; ++i) {
    const auto user = static_cast<size_t>(batch.user_of[i]);
    for (size_t j = 0; j < size; ++j) {
      const auto item = static_cast<size_t>(batch.item_of[j]);
      double s = 0;
      for (size_t k = 0; k < kD; ++k) {
        s += static_cast<double>(q.row(user)[k]) * static_cast<double>(c.row(item)[k]);
      }
      s /= temperature;
      if (logq) s -= static_cast<double>(batch.log_q[item]);
      if (remove_hits && j != i && batch.item_of[j] == batch.item_of[i]) s += -3.4e36;
      scores[j] = s;
    }
    const double max = *std::max_element(scores.begin(), scores.end());
    double z = 0;
    for (const double s : scores) z += std::exp(s - max);
    const double weight = static_cast<double>(batch.weights[i]);
    result.loss += weight * (max + std::log(z) - scores[i]);
    for (size_t j = 0; j < size; ++j) {
      const auto item = static_cast<size_t>(batch.item_of[j]);
      const double g =
          weight * (std::exp(scores[j] - max) / z - (j == i ? 1.0 : 0.0)) / temperature;
      for (size_t k = 0; k < kD; ++k) {
        result.dq[user * kD + k] += g * static_cast<double>(c.row(item)[k]);
        result.dc[item * kD + k] += g * static_cast<double>(q.row(user)[k]);
      }
    }
  }
  return result;
}

Parameter Random(const char* name, size_t rows) {
  return MakeParameter(name, ParameterKind::kDense, rows, kD, Initializer::Normal(0.8F), Rng(21));
}

double LargestDifference(std::span<const float> got, const std::vector<double>& want) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    worst = std::max(
        worst, std::abs(static_cast<double>(got[i]) - want[i]) / std::max(1.0, std::abs(want[i])));
  }
  return worst;
}

TEST(Softmax, ShowsItsArithmetic) {
  // One query 1, candidates ln 2 and ln 3 with counts 1 and 2, T = 1, positive: the second.
  // D = 2 + 2 * 3 = 8, loss = ln 8 - ln 3; without accidental hits D = 2 + 3, ln 5 - ln 3.
  Workers workers(1);
  Tape tape(workers);
  const float one[] = {1};
  const float logs[] = {std::log(2.0F), std::log(3.0F)};
  const float counts[] = {1, 2};
  const int32_t row[] = {0};
  const int32_t column[] = {1};
  const Var q = Constant(tape, one, 1, 1);
  const Var c = Constant(tape, logs, 2, 1);
  SoftmaxOptions options;
  EXPECT_NEAR(SoftmaxCrossEntropy(q, c, {{}, counts}, {row, column, {}}, options).scalar(),
              std::log(8.0 / 3), 1e-6);
  options.remove_accidental_hits = true;
  EXPECT_NEAR(SoftmaxCrossEntropy(q, c, {{}, counts}, {row, column, {}}, options).scalar(),
              std::log(5.0 / 3), 1e-6);
}

TEST(Softmax, EqualsTheUncollapsedInBatchSoftmax) {
  struct Case {
    bool logq;
    bool remove_hits;
    float temperature;
    size_t nq;
    size_t nc;
  };
  for (const Case& c : {Case{false, false, 1, 40, 30}, Case{true, false, 1, 40, 30},
                        Case{false, true, 1, 40, 30}, Case{true, true, 0.5F, 40, 30},
                        Case{true, true, 2, 1, 1}, Case{true, true, 0.7F, 230, 170}}) {
    SCOPED_TRACE(::testing::Message() << "logq " << c.logq << " hits " << c.remove_hits << " T "
                                      << c.temperature << " nq " << c.nq << " nc " << c.nc);
    const Batch batch = MakeBatch(c.nq + 120, c.nq, c.nc, 3);
    Parameter q = Random("q", c.nq);
    Parameter items = Random("c", c.nc);
    std::vector<float> bias;
    for (const float l : batch.log_q) bias.push_back(-l);
    SoftmaxColumns columns;
    if (c.logq) columns.bias = bias;
    columns.count = batch.counts;
    Workers workers(2);
    Tape tape(workers, Rng(1));
    const Var loss = SoftmaxCrossEntropy(Variable(tape, q), Variable(tape, items), columns,
                                         {batch.user_of, batch.item_of, batch.weights},
                                         {c.temperature, c.remove_hits});
    tape.Backward(loss);
    const Reference want = NaiveInBatch(q.value(), items.value(), batch, c.logq, c.remove_hits,
                                        static_cast<double>(c.temperature));
    // Logits and exponentials are floats, sums are doubles. The one column of 121 copies is all of
    // Z: its loss and gradient are 0, as differences of sums of 121 pairs that each weigh 121.
    EXPECT_NEAR(loss.scalar(), want.loss, 1e-7 * want.loss + 1e-10);
    const double bound = c.nc == 1 ? 1e-10 : 1e-5;
    EXPECT_LT(LargestDifference(q.dense_gradient().values(), want.dq), bound);
    EXPECT_LT(LargestDifference(items.dense_gradient().values(), want.dc), bound);
  }
}

// Column 0 is about e^14 of column 1, and 120 of 121 interactions. Without accidental hits each of
// its pairs has a gradient of about e^-14 = 8e-7, left of 120 (e / D) - 120 where floats would
// round to 7e-6.
TEST(Softmax, KeepsTheDigitsOfAColumnThatIsNearlyAllOfZ) {
  Parameter q("q", ParameterKind::kDense, Tensor(1, kD));
  Parameter items("items", ParameterKind::kDense, Tensor(2, kD));
  for (size_t k = 0; k < kD; ++k) {
    q.value().row(0)[k] = 0.5F + 0.125F * static_cast<float>(k);
    items.value().row(0)[k] = 14 / 7.5F;  // the elements of q sum to 7.5
    items.value().row(1)[k] = k % 2 == 0 ? 0.25F : -0.25F;
  }
  Batch batch;
  batch.user_of.assign(121, 0);
  batch.item_of.assign(120, 0);
  batch.item_of.push_back(1);
  batch.weights.assign(120, 1);
  batch.weights.push_back(1e-6F);  // of column 1, which would hide the others' gradients
  batch.counts = {120, 1};
  Workers workers(1);
  Tape tape(workers, Rng(1));
  const Var loss = SoftmaxCrossEntropy(Variable(tape, q), Variable(tape, items), {{}, batch.counts},
                                       {batch.user_of, batch.item_of, batch.weights}, {1, true});
  tape.Backward(loss);
  const Reference want = NaiveInBatch(q.value(), items.value(), batch, false, true, 1);
  EXPECT_NEAR(loss.scalar(), want.loss, 1e-5 * want.loss);
  for (size_t k = 0; k < kD; ++k) {
    EXPECT_NEAR(q.dense_gradient().row(0)[k], want.dq[k], 1e-5 * std::abs(want.dq[k])) << k;
  }
}

TEST(Softmax, GradientMatchesDifferences) {
  const Batch batch = MakeBatch(25, 6, 9, 5);
  Parameter q = Random("q", 6);
  Parameter c = Random("c", 9);
  Parameter* parameters[] = {&q, &c};
  for (const bool remove_hits : {false, true}) {
    const auto build = [&](Tape& tape) {
      return Scale(
          SoftmaxCrossEntropy(Variable(tape, q), Variable(tape, c), {batch.log_q, batch.counts},
                              {batch.user_of, batch.item_of, batch.weights}, {1.5F, remove_hits}),
          0.1F);
    };
    EXPECT_LT(MaxGradientError(parameters, build), 1e-3);
  }
}

TEST(Softmax, FullCatalogueNeedsNoCountsAndSkipsRowsWithoutPairs) {
  Batch batch = MakeBatch(50, 20, 30, 8);
  batch.counts.assign(30, 1);
  std::fill(batch.weights.begin(), batch.weights.end(), 1.0F);
  for (int32_t& user : batch.user_of) user = user / 2 * 2;  // odd rows have no pairs
  Parameter q = Random("q", 20);
  Parameter c = Random("c", 30);
  Workers workers(1);
  const auto run = [&](const SoftmaxColumns& columns, std::span<const float> weights) {
    Tape tape(workers, Rng(1));
    q.ClearGradient();
    const Var loss = SoftmaxCrossEntropy(Variable(tape, q), Variable(tape, c), columns,
                                         {batch.user_of, batch.item_of, weights});
    tape.Backward(loss);
    return loss.scalar();
  };
  EXPECT_FLOAT_EQ(run({}, {}), run({{}, batch.counts}, batch.weights));
  for (const float g : q.dense_gradient().row(1)) EXPECT_EQ(g, 0);
}

TEST(Softmax, SurvivesLargeLogits) {
  Workers workers(1);
  Tape tape(workers, Rng(1));
  Parameter q("q", ParameterKind::kDense, Tensor(1, 1));
  q.value().values()[0] = 1000;
  const float candidates[] = {-1, 1, 0.5F};
  const int32_t row[] = {0};
  const int32_t column[] = {0};
  const Var loss = SoftmaxCrossEntropy(Variable(tape, q), Constant(tape, candidates, 3, 1), {},
                                       {row, column, {}});
  tape.Backward(loss);
  EXPECT_FLOAT_EQ(loss.scalar(), 2000);                   // 1000 - (-1000)
  EXPECT_FLOAT_EQ(q.dense_gradient().values()[0], 2.0F);  // 1 - (-1)
}

TEST(Softmax, HasTheSameBitsAtOneAndTwoThreads) {
  const Batch batch = MakeBatch(3000, 900, 1700, 13);
  const auto run = [&](size_t threads) {
    Parameter q = Random("q", 900);
    Parameter c = Random("c", 1700);
    Workers workers(threads);
    Tape tape(workers, Rng(1));
    const Var loss =
        SoftmaxCrossEntropy(Variable(tape, q), Variable(tape, c), {batch.log_q, batch.counts},
                            {batch.user_of, batch.item_of, batch.weights}, {1, true});
    tape.Backward(loss);
    std::vector<float> bits = {loss.scalar()};
    for (const Parameter* p : {&q, &c}) {
      const std::span<const float> g = p->dense_gradient().values();
      bits.insert(bits.end(), g.begin(), g.end());
    }
    return bits;
  };
  EXPECT_EQ(run(1), run(2));
}

}  // namespace
}  // namespace tandem::nn
