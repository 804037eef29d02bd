// How good a trained model is on test rows, beside the baselines that it must beat.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/status.h"
#include "tandem/model/two_tower.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/data/history.h"

namespace tandem::training {

// Everything a bundle keeps of the towers' output.
struct Embeddings {
  std::vector<float> queries;  // [u + 1, d]; the last row is the unknown user's
  std::vector<float> items;    // [n, d]
};

// Runs both towers, in inference mode, over all users (with their whole history) and all items.
Embeddings EncodeAll(const model::TwoTower& tower, const data::Catalogue& catalogue,
                     const data::History& history, Workers& workers);

// Top-k accuracies are factorized, over the whole catalogue.
struct Metrics {
  std::string name;                  // "model", "most popular", ...
  std::vector<double> accuracy;      // at metric::kUsualKs, the user's training items left out
  std::vector<double> accuracy_all;  // the same with them; empty where the name ranks nothing
  std::optional<double> rmse;
  std::optional<double> mae;
};

// The model first, then most popular, global mean, user+item bias. `test` is aligned to the
// vocabularies of `dataset.train`; -1 stands for unknown ids. kInvalidArgument: no test rows.
Result<std::vector<Metrics>> EvaluateBesideBaselines(const model::TwoTower& tower,
                                                     const data::Dataset& dataset,
                                                     const data::History& history,
                                                     const data::Interactions& test,
                                                     Workers& workers);

}  // namespace tandem::training
