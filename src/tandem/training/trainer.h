// The training loop: batches, steps, learning rate, reports.
//
// The same seed gives the same parameters at any thread count, on one instruction set.
#pragma once

#include <cstdint>
#include <functional>

#include "tandem/base/env.h"
#include "tandem/base/parallel.h"
#include "tandem/base/status.h"
#include "tandem/training/config.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/data/history.h"
#include "tandem/training/model.h"

namespace tandem::training {

struct EpochReport {
  int64_t epoch = 0;  // from 1
  int64_t epochs = 0;
  double loss = 0;                // mean over the interactions of the epoch
  double samples_per_second = 0;  // interactions, time of training steps only
};

struct FitOptions {
  uint64_t seed = 42;
  int64_t epochs = 3;
  BatchBy batch_by = BatchBy::kInteraction;
  int64_t batch_size = 8192;
  bool reshuffle = false;
  OptimizerConfig optimizer;
};

// Trains in place. kFailedPrecondition where the loss is no longer finite, with the epoch.
Status Fit(Model& model, const data::Interactions& interactions, const data::History& history,
           const FitOptions& options, const Env& env, Workers& workers,
           const std::function<void(const EpochReport&)>& on_epoch);

}  // namespace tandem::training
