// From a config to a bundle: read, split, train, evaluate, train again on all rows, export.
//
// Where data.test is given it is evaluated once, after training, and the bundle is that of the
// training rows. Where it is not, the rows are split, a first training is evaluated on the test
// part, and the bundle comes from a second one on all rows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/parallel.h"
#include "tandem/bundle/bundle.h"
#include "tandem/training/config.h"
#include "tandem/training/evaluation.h"
#include "tandem/training/trainer.h"

namespace tandem::training {

// What happens on the way; every function is optional.
struct RunObserver {
  // A phase begins: "reading data/ratings.csv", "training on 80,000 rows".
  std::function<void(const std::string&)> on_phase;
  std::function<void(const EpochReport&)> on_epoch;
  std::function<void(const std::vector<Metrics>&)> on_metrics;
};

// The bundle is complete but for its version and fingerprint, which the writer gives. Errors
// name the file, key or phase.
Result<bundle::Bundle> TrainBundle(const Env& env, const TrainingConfig& config, Workers& workers,
                                   const RunObserver& observer);

}  // namespace tandem::training
