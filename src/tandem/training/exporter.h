// From a trained model to a bundle.
#pragma once

#include <memory>

#include "tandem/base/parallel.h"
#include "tandem/bundle/bundle.h"
#include "tandem/training/data/dataset.h"
#include "tandem/training/data/history.h"

namespace tandem::training {

// Runs both towers, in inference mode, over all users (with their whole history) and all items;
// builds the index, records golden samples. The data fingerprint
// of `provenance` is set to the checksum of the training rows.
Result<bundle::Bundle> MakeBundle(std::unique_ptr<model::TwoTower> tower,
                                  const data::Dataset& dataset, const data::History& history,
                                  const bundle::Provenance& provenance, Workers& workers);

}  // namespace tandem::training
