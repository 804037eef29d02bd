// One training step of the size of the multitask model of TensorFlow Recommenders on MovieLens
// 100K, without its data: B = 8192 interactions, towers of 32 numbers, a rating MLP 256-128-1.
//
// The batch is drawn from 943 users and 1682 items whose activity falls off exponentially, with
// scales that fit MovieLens 100K: a batch of it has about 906 distinct users and 1195 distinct
// items. The softmax and the MLP come as the training runs them, and as the matrix products of
// the same shapes alone, cut into shards as there and multiplied by the same function.
//
// A problem owns batch, parameters and buffers; `workers` must outlive it. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/rng.h"
#include "tandem/math/matmul.h"
#include "tandem/model/two_tower.h"
#include "tandem/nn/layers.h"
#include "tandem/nn/tape.h"
#include "tandem/training/data/batch.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/optimizer/adagrad.h"
#include "tandem/training/two_tower_model.h"

namespace tandem::bench {

class StepProblem {
 public:
  explicit StepProblem(Workers& workers);

  // q and m: distinct rows of the batch.
  size_t users() const { return batch_.queries.size(); }
  size_t items() const { return batch_.items.size(); }
  // Operations of the products, forward and backward; a multiplication and an addition are two.
  double SoftmaxFlops() const;  // 6 q m d: logits and both gradients
  double MlpFlops() const;      // 6 B (64 256 + 256 128 + 128)

  // Forward and backward; the loss.
  float Softmax();
  float RatingMlp();
  // The products of the same shapes, and nothing else.
  void SoftmaxProducts();
  void MlpProducts();
  // The whole step: both towers, both losses, backward, Adagrad; the loss before it.
  float Step();

  // The losses by their formulas, in double, over the batch as it was drawn.
  double NaiveSoftmax() const;
  double NaiveRatingMlp() const;

 private:
  Workers& workers_;
  data::Batch batch_;
  data::Dataset dataset_;  // without interactions: the batch is drawn, and this model counts none
  nn::Tape tape_;

  nn::Tensor queries_;     // [q, d]
  nn::Tensor candidates_;  // [m, d]
  nn::Tensor pairs_;       // [B, 2 d]
  nn::Mlp mlp_;
  nn::Tensor query_gradient_;      // as queries_
  nn::Tensor candidate_gradient_;  // as candidates_
  nn::Tensor pair_gradient_;       // as pairs_

  std::unique_ptr<model::TwoTower> tower_;
  std::unique_ptr<training::TwoTowerModel> model_;
  optimizer::Adagrad adagrad_;

  nn::Tensor logits_;                    // [q, m]
  std::vector<nn::Tensor> activations_;  // of the layers, [B, units]; the first is pairs_' copy
  std::vector<nn::Tensor> shard_parts_;  // a weight gradient for each shard, below one another
};

}  // namespace tandem::bench
