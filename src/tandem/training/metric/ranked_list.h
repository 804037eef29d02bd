// How good a ranked list is, given what was relevant.
//
// `ranked` holds item rows, best first; rows below 0 are empty places. `relevant` holds the
// relevant item rows, sorted, each once. Every item is relevant or not (gain 1 or 0); k >= 1,
// and a list shorter than k just has no more hits. Nothing relevant gives 0. Pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace tandem::metric {

// Relevant items among the first k, divided by all relevant ones.
double RecallAt(int64_t k, std::span<const int32_t> ranked, std::span<const int32_t> relevant);

// Sum of 1 / log2(1 + place) over the hits among the first k, divided by what a list with all
// relevant items in front would have (Jarvelin and Kekalainen, 2002).
double NdcgAt(int64_t k, std::span<const int32_t> ranked, std::span<const int32_t> relevant);

// 1 / place of the first hit among the first k, 0 where there is none.
double ReciprocalRankAt(int64_t k, std::span<const int32_t> ranked,
                        std::span<const int32_t> relevant);

}  // namespace tandem::metric
