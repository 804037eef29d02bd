#include "tandem/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "tandem/training/data/batch.h"
#include "tandem/training/optimizer/adagrad.h"
#include "tandem/training/optimizer/adam.h"

namespace tandem::training {
namespace {

std::unique_ptr<optimizer::Optimizer> MakeOptimizer(const OptimizerConfig& config,
                                                    Workers& workers) {
  const auto rate = static_cast<float>(config.learning_rate);
  switch (config.kind) {
    case OptimizerKind::kAdagrad:
      return std::make_unique<optimizer::Adagrad>(optimizer::AdagradOptions{.learning_rate = rate},
                                                  workers);
    case OptimizerKind::kAdam:
      return std::make_unique<optimizer::Adam>(
          optimizer::AdamOptions{.learning_rate = rate,
                                 .beta1 = static_cast<float>(config.beta1),
                                 .beta2 = static_cast<float>(config.beta2),
                                 .weight_decay = static_cast<float>(config.weight_decay)},
          workers);
  }
  return nullptr;
}

// The whole rate until the last `cooldown` share of the steps, then a straight line to 0.
float LearningRate(const OptimizerConfig& config, int64_t step, int64_t steps) {
  const double left = 1.0 - static_cast<double>(step) / static_cast<double>(steps);
  const double factor = config.cooldown > 0 ? std::min(1.0, left / config.cooldown) : 1.0;
  return static_cast<float>(config.learning_rate * factor);
}

}  // namespace

Status Fit(Model& model, const data::Interactions& interactions, const data::History& history,
           const FitOptions& options, const Env& env, Workers& workers,
           const std::function<void(const EpochReport&)>& on_epoch) {
  const data::BatchOptions batch_options{.group_by = options.batch_by == BatchBy::kUser
                                                         ? data::GroupBy::kUser
                                                         : data::GroupBy::kInteraction,
                                         .size = options.batch_size,
                                         .reshuffle = options.reshuffle,
                                         .seed = options.seed};
  TANDEM_ASSIGN_OR_RETURN(const auto plan, data::BatchPlan::Create(interactions, batch_options));
  const auto make_batches = [&](int64_t epoch) {
    std::vector<data::Batch> batches;
    for (const std::vector<int64_t>& rows : plan.Epoch(epoch)) {
      batches.push_back(data::MakeBatch(interactions, history, rows));
    }
    return batches;
  };

  const std::unique_ptr<optimizer::Optimizer> optimizer = MakeOptimizer(options.optimizer, workers);
  const std::vector<nn::Parameter*> parameters = model.Parameters();
  nn::Tape tape(workers, Rng(options.seed).Fork("training"));
  std::vector<data::Batch> batches = make_batches(0);
  const int64_t steps = options.epochs * plan.batches();
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    if (epoch > 0 && plan.reshuffles()) batches = make_batches(epoch);
    const int64_t begin = env.MonotonicNanos();
    double loss_sum = 0;
    for (const data::Batch& batch : batches) {
      tape.Reset();
      const nn::Var loss = model.ComputeLoss(tape, batch);
      loss_sum += static_cast<double>(loss.scalar());
      tape.Backward(loss);
      optimizer->SetLearningRate(LearningRate(options.optimizer, step, steps));
      optimizer->Step(parameters);
      ++step;
    }
    const double seconds = static_cast<double>(env.MonotonicNanos() - begin) * 1e-9;
    const auto samples = static_cast<double>(interactions.size());
    if (!std::isfinite(loss_sum)) {
      return FailedPreconditionError("the loss is not finite in epoch ", epoch + 1,
                                     "; a smaller optimizer.learning_rate may help");
    }
    on_epoch({.epoch = epoch + 1,
              .epochs = options.epochs,
              .loss = loss_sum / samples,
              .samples_per_second = samples / std::max(seconds, 1e-9)});
  }
  return {};
}

}  // namespace tandem::training
