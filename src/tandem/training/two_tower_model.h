// The model that a config describes: the joint loss of two towers and a rating head.
//
//   loss = retrieval.weight * (softmax cross entropy, summed over the batch)
//        + rating.weight * (mean squared error, or for kFactors the penalised sum)
#pragma once

#include <vector>

#include "tandem/model/two_tower.h"
#include "tandem/training/config.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/model.h"

namespace tandem::training {

class TwoTowerModel final : public Model {
 public:
  // `tower` and `dataset`, whose interactions it is to be trained on, must outlive this.
  TwoTowerModel(model::TwoTower& tower, const data::Dataset& dataset,
                const RetrievalConfig& retrieval, const RatingConfig& rating);

  nn::Var ComputeLoss(nn::Tape& tape, const data::Batch& batch) override;
  std::vector<nn::Parameter*> Parameters() override { return tower_.Parameters(); }

 private:
  // The items that a step encodes, and where each interaction's item is among them.
  struct Candidates {
    std::vector<int32_t> items;    // [m] rows
    std::vector<float> counts;     // [m] interactions of the batch
    std::vector<int32_t> item_of;  // [interactions] places in items
    std::vector<int64_t> category_offsets;
    std::vector<int32_t> categories;

    model::ItemInput Input() const {
      return {.items = items, .category_offsets = category_offsets, .categories = categories};
    }
  };

  Candidates CandidatesOf(const data::Batch& batch) const;
  nn::Var RetrievalLoss(nn::Var queries, nn::Var items, const Candidates& candidates,
                        const data::Batch& batch) const;
  nn::Var RatingLoss(nn::Tape& tape, nn::Var queries, nn::Var items, const Candidates& candidates,
                     const data::Batch& batch) const;

  model::TwoTower& tower_;
  const data::Catalogue& catalogue_;
  RetrievalConfig retrieval_;
  RatingConfig rating_;
  std::vector<float> logq_bias_;  // [n], empty without logQ
  // How often each row stands in the training interactions.
  std::vector<int64_t> user_counts_;  // [u]
  std::vector<int64_t> item_counts_;  // [n]
};

}  // namespace tandem::training
