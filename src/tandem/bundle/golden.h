// Golden samples: requests recorded at export with their answers, replayed wherever a bundle is
// loaded, so that a bundle that this build computes differently is refused before it serves.
//
// A known user's answer comes from the embedding that the bundle keeps, as in a server. Replay
// also runs the towers, on the sample's user and on the items of its answer: they must give what
// the bundle keeps, for histories in requests and for ratings.
//
// Equal means |got - recorded| <= 1e-4 * max(1, |recorded|); item ids may differ only where the
// scores of the two lie within that distance (instruction sets round differently).
#pragma once

#include <vector>

#include "tandem/bundle/bundle.h"

namespace tandem::bundle {

// 32 or more samples spread over the known users (all, where there are fewer), an unknown user,
// an empty history, and some histories where the model's tower takes one.
std::vector<GoldenSample> RecordGolden(const Bundle& bundle);

// kDataLoss names the first sample that differs, with expected and got.
Status ReplayGolden(const Bundle& bundle);

}  // namespace tandem::bundle
