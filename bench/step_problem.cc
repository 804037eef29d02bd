#include "step_problem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tandem/nn/ranges.h"
#include "tandem/nn/softmax.h"

namespace tandem::bench {
namespace {

using math::Transpose;

constexpr size_t kBatch = 8192;
constexpr size_t kDimension = 32;
constexpr int64_t kUsers = 943;
constexpr int64_t kItems = 1682;
constexpr double kUserScale = 300;  // rank r is drawn with a probability like exp(-r / scale)
constexpr double kItemScale = 340;
constexpr std::array<int64_t, 3> kUnits = {256, 128, 1};
constexpr size_t kSoftmaxShards = 8;  // what the softmax takes for this many rows
constexpr size_t kMlpShards = 16;

// A rank below n, from the exponential distribution cut at n.
int32_t DrawRank(int64_t n, double scale, Rng& rng) {
  const double inside = 1 - std::exp(-static_cast<double>(n) / scale);
  const double rank = -scale * std::log1p(-inside * static_cast<double>(rng.UniformFloat()));
  return static_cast<int32_t>(std::min(static_cast<int64_t>(rank), n - 1));
}

data::Batch DrawBatch(Rng rng) {
  data::Interactions drawn;
  std::vector<int64_t> rows;
  for (size_t i = 0; i < kBatch; ++i) {
    drawn.user.push_back(DrawRank(kUsers, kUserScale, rng));
    drawn.item.push_back(DrawRank(kItems, kItemScale, rng));
    drawn.rating.push_back(static_cast<float>(1 + rng.UniformInt(5)));
    drawn.time.push_back(0);
    rows.push_back(static_cast<int64_t>(i));
  }
  data::History history;
  history.offsets.assign(kUsers + 1, 0);  // the model takes user ids, not histories
  return data::MakeBatch(drawn, history, rows);
}

nn::Tensor RandomTensor(size_t rows, size_t cols, Rng rng) {
  nn::Tensor tensor(rows, cols);
  for (float& value : tensor.values()) value = 0.3F * rng.Normal();
  return tensor;
}

// c = op(a) b by shards of rows of a and c.
void RowProduct(Workers& workers, size_t shards, math::ConstMatrixView a, Transpose transpose_b,
                math::ConstMatrixView b, math::MatrixView c) {
  const ShardPlan plan{a.rows, shards};
  workers.Run(shards, [&](size_t shard) {
    const size_t begin = plan.Begin(shard);
    const size_t end = plan.End(shard);
    math::MatMul(Transpose::kNo, transpose_b, 1, nn::RowRange(a, begin, end), b, 0,
                 nn::RowRange(c, begin, end));
  });
}

// A part of a^T b for each shard of their rows; parts [shards * a.cols, b.cols].
void ReducingProduct(Workers& workers, size_t shards, math::ConstMatrixView a,
                     math::ConstMatrixView b, math::MatrixView parts) {
  const ShardPlan plan{a.rows, shards};
  workers.Run(shards, [&](size_t shard) {
    const size_t begin = plan.Begin(shard);
    const size_t end = plan.End(shard);
    math::MatMul(Transpose::kYes, Transpose::kNo, 1, nn::RowRange(a, begin, end),
                 nn::RowRange(b, begin, end), 0,
                 nn::RowRange(parts, shard * a.cols, (shard + 1) * a.cols));
  });
}

std::unique_ptr<model::TwoTower> MakeTower(const Rng& rng) {
  Result<std::unique_ptr<model::TwoTower>> tower = model::TwoTower::Create(
      model::ModelConfig{}, {.users = kUsers, .items = kItems, .categories = 0}, rng);
  if (!tower.ok()) {
    std::fprintf(stderr, "step_bench: %s\n", tower.status().message().c_str());
    std::exit(1);
  }
  return std::move(tower).value();
}

}  // namespace

StepProblem::StepProblem(Workers& workers)
    : workers_(workers),
      batch_(DrawBatch(Rng(7).Fork("batch"))),
      tape_(workers, Rng(7).Fork("tape")),
      queries_(RandomTensor(users(), kDimension, Rng(7).Fork("queries"))),
      candidates_(RandomTensor(items(), kDimension, Rng(7).Fork("candidates"))),
      pairs_(kBatch, 2 * kDimension),
      mlp_("rating", 2 * kDimension, kUnits, Rng(7).Fork("mlp")),
      query_gradient_(users(), kDimension),
      candidate_gradient_(items(), kDimension),
      pair_gradient_(kBatch, 2 * kDimension),
      tower_(MakeTower(Rng(7).Fork("tower"))),
      adagrad_({}, workers),
      logits_(users(), items()) {
  dataset_.catalogue.category_offsets.assign(kItems + 1, 0);
  model_ = std::make_unique<training::TwoTowerModel>(*tower_, dataset_, training::RetrievalConfig{},
                                                     training::RatingConfig{});
  for (size_t i = 0; i < kBatch; ++i) {
    const std::span<const float> query = queries_.row(static_cast<size_t>(batch_.query_of[i]));
    const std::span<const float> item = candidates_.row(static_cast<size_t>(batch_.item_of[i]));
    std::copy(query.begin(), query.end(), pairs_.row(i).begin());
    std::copy(item.begin(), item.end(), pairs_.row(i).begin() + kDimension);
  }
  activations_.push_back(pairs_.Clone());
  for (const nn::DenseLayer& layer : mlp_.layers) {
    activations_.emplace_back(kBatch, layer.kernel.cols());
    shard_parts_.emplace_back(kMlpShards * layer.kernel.rows(), layer.kernel.cols());
  }
  shard_parts_.emplace_back(kSoftmaxShards * items(), kDimension);
}

double StepProblem::SoftmaxFlops() const {
  return 6.0 * static_cast<double>(users() * items() * kDimension);
}

double StepProblem::MlpFlops() const {
  size_t weights = 0;
  for (const nn::DenseLayer& layer : mlp_.layers) weights += layer.kernel.value().size();
  return 6.0 * static_cast<double>(kBatch * weights);
}

float StepProblem::Softmax() {
  tape_.Reset();
  const nn::Var loss = nn::SoftmaxCrossEntropy(
      tape_.NewAlias(queries_.data(), users(), kDimension, query_gradient_.data()),
      tape_.NewAlias(candidates_.data(), items(), kDimension, candidate_gradient_.data()),
      {.bias = {}, .count = batch_.item_counts},
      {.rows = batch_.query_of, .columns = batch_.item_of, .weights = {}});
  tape_.Backward(loss);
  return loss.scalar();
}

float StepProblem::RatingMlp() {
  tape_.Reset();
  const nn::Var loss = nn::SquaredError(
      mlp_.Forward(tape_.NewAlias(pairs_.data(), kBatch, pairs_.cols(), pair_gradient_.data())),
      batch_.ratings);
  tape_.Backward(loss);
  for (const nn::Parameter* parameter : mlp_.Parameters()) parameter->ClearGradient();
  return loss.scalar();
}

void StepProblem::SoftmaxProducts() {
  RowProduct(workers_, kSoftmaxShards, queries_.view(), Transpose::kYes, candidates_.view(),
             logits_.view());
  RowProduct(workers_, kSoftmaxShards, logits_.view(), Transpose::kNo, candidates_.view(),
             query_gradient_.view());
  ReducingProduct(workers_, kSoftmaxShards, logits_.view(), queries_.view(),
                  shard_parts_.back().view());
}

void StepProblem::MlpProducts() {
  for (size_t i = 0; i < mlp_.layers.size(); ++i) {
    const math::ConstMatrixView kernel = mlp_.layers[i].kernel.value().view();
    nn::Tensor& output = activations_[i + 1];
    RowProduct(workers_, kMlpShards, activations_[i].view(), Transpose::kNo, kernel, output.view());
  }
  // The gradient of an activation takes the place of the activation: equal shapes.
  for (size_t i = mlp_.layers.size(); i-- > 0;) {
    const math::ConstMatrixView kernel = mlp_.layers[i].kernel.value().view();
    nn::Tensor& input = activations_[i];
    ReducingProduct(workers_, kMlpShards, input.view(), activations_[i + 1].view(),
                    shard_parts_[i].view());
    RowProduct(workers_, kMlpShards, activations_[i + 1].view(), Transpose::kYes, kernel,
               i == 0 ? pair_gradient_.view() : input.view());
  }
}

float StepProblem::Step() {
  tape_.Reset();
  const nn::Var loss = model_->ComputeLoss(tape_, batch_);
  tape_.Backward(loss);
  adagrad_.Step(model_->Parameters());
  return loss.scalar();
}

double StepProblem::NaiveSoftmax() const {
  const auto score = [this](int32_t row, int32_t column) {
    double sum = 0;
    for (size_t j = 0; j < kDimension; ++j) {
      sum += static_cast<double>(queries_.row(static_cast<size_t>(row))[j]) *
             static_cast<double>(candidates_.row(static_cast<size_t>(column))[j]);
    }
    return sum;
  };
  // log Z of a user over the items of all B interactions, duplicates and all.
  std::vector<double> log_z;
  for (size_t row = 0; row < users(); ++row) {
    double z = 0;
    std::vector<double> scores;
    for (size_t column = 0; column < items(); ++column) {
      scores.push_back(score(static_cast<int32_t>(row), static_cast<int32_t>(column)));
    }
    for (const int32_t item : batch_.item_of) z += std::exp(scores[static_cast<size_t>(item)]);
    log_z.push_back(std::log(z));
  }
  double loss = 0;
  for (size_t i = 0; i < kBatch; ++i) {
    loss += log_z[static_cast<size_t>(batch_.query_of[i])] -
            score(batch_.query_of[i], batch_.item_of[i]);
  }
  return loss;
}

double StepProblem::NaiveRatingMlp() const {
  double loss = 0;
  for (size_t i = 0; i < kBatch; ++i) {
    std::vector<double> x(pairs_.row(i).begin(), pairs_.row(i).end());
    for (size_t l = 0; l < mlp_.layers.size(); ++l) {
      const nn::Tensor& kernel = mlp_.layers[l].kernel.value();
      std::vector<double> y(kernel.cols(), 0.0);  // the biases are still 0
      for (size_t k = 0; k < kernel.rows(); ++k) {
        for (size_t j = 0; j < kernel.cols(); ++j) {
          y[j] += x[k] * static_cast<double>(kernel.row(k)[j]);
        }
      }
      if (l + 1 < mlp_.layers.size()) {
        for (double& value : y) value = std::max(value, 0.0);
      }
      x = y;
    }
    const double error = x[0] - static_cast<double>(batch_.ratings[i]);
    loss += error * error / static_cast<double>(kBatch);
  }
  return loss;
}

}  // namespace tandem::bench
