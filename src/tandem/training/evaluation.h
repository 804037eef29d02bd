// How good a bundle is on test rows, beside the baselines that it must beat.
//
// Everything is computed from the bundle, as a server would answer from it: what `tandem train`
// records and what `tandem evaluate` finds on the same rows are the same numbers.
//
// Test rows may have vocabularies of their own; users and items that the bundle does not know
// are the unknown user and a miss. kInvalidArgument: no test rows.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/status.h"
#include "tandem/bundle/bundle.h"
#include "tandem/training/data/dataset.h"

namespace tandem::training {

// Top-k accuracies are factorized, over the whole catalogue.
struct Metrics {
  std::string name;                  // "model", "most popular", ...
  std::vector<double> accuracy;      // at metric::kUsualKs, the user's training items left out
  std::vector<double> accuracy_all;  // the same with them; empty where the name ranks nothing
  std::optional<double> rmse;
  std::optional<double> mae;
};

// The model first, then most popular.
Result<std::vector<Metrics>> EvaluateBundle(const bundle::Bundle& bundle,
                                            const data::Interactions& test, Workers& workers);

// As EvaluateBundle, then global mean and user+item bias, which are solved from `train`, the
// rows that the bundle was trained on with its own vocabularies.
Result<std::vector<Metrics>> EvaluateBesideBaselines(const bundle::Bundle& bundle,
                                                     const data::Interactions& train,
                                                     const data::Interactions& test,
                                                     Workers& workers);

// Test rows whose item is in the bundle's history of their user. Such a row is a miss of
// `accuracy`, and its rating is no news to the model.
int64_t CountTrainedOn(const bundle::Bundle& bundle, const data::Interactions& test);

// The names and values under which a manifest keeps a model's metrics: "acc@10", "RMSE", ...
std::vector<std::pair<std::string, double>> ModelMetrics(const Metrics& metrics);

}  // namespace tandem::training
