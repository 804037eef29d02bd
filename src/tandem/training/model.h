// The seam of training: what a user of the library writes.
//
// ComputeLoss builds the loss of one batch from towers and tasks on the tape, and the Trainer
// owns everything else: batches, steps, optimizer, gradients. The config-driven TwoTowerModel is
// one implementation; a model of one's own is another.
#pragma once

#include <vector>

#include "tandem/nn/tape.h"
#include "tandem/training/data/batch.h"

namespace tandem::training {

class Model {
 public:
  virtual ~Model() = default;
  // The loss [1, 1] of the batch; called once a step, on a tape that records.
  virtual nn::Var ComputeLoss(nn::Tape& tape, const data::Batch& batch) = 0;
  // What the optimizer changes; the same parameters in the same order at every call.
  virtual std::vector<nn::Parameter*> Parameters() = 0;
};

}  // namespace tandem::training
