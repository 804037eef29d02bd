// From a trained model to a bundle.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tandem/bundle/bundle.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/data/history.h"
#include "tandem/training/evaluation.h"

namespace tandem::training {

// Encodes all users and items, builds the index, records golden samples. The data fingerprint
// of `provenance` is set to the checksum of the training rows.
Result<bundle::Bundle> MakeBundle(std::unique_ptr<model::TwoTower> tower,
                                  const data::Dataset& dataset, const data::History& history,
                                  const bundle::Provenance& provenance, Workers& workers);

// The names and values under which a manifest keeps a model's metrics: "acc@10", "RMSE", ...
std::vector<std::pair<std::string, double>> ModelMetrics(const Metrics& metrics);

}  // namespace tandem::training
