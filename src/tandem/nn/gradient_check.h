// For tests: compares the gradient of a tape with differences of its values.
#pragma once

#include <functional>
#include <span>

#include "tandem/nn/tape.h"

namespace tandem::nn {

// `build` puts ops of the parameters on the tape and gives a value of any shape. That value is
// weighted with fixed random numbers to one scalar f, in double; df/dx from Backward is compared
// with (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h for every element x of the parameters.
// The largest |difference| / max(1, |either|). Values are floats: expect 1e-3 or better where f
// is smooth within 2h. Parameters have their old values afterwards and no gradient.
double MaxGradientError(std::span<Parameter* const> parameters,
                        const std::function<Var(Tape&)>& build, float h = 0.02F);

}  // namespace tandem::nn
