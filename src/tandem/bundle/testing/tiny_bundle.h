// A small bundle in memory, for the tests of every room that answers from one.
//
// Nothing in it is trained: parameters come from the seed, and everything else follows from them
// as in an export (embeddings are what the towers give, golden samples are recorded), so that
// WriteNextVersion writes it and OpenVersion accepts it. Same seed, same bundle; another seed has
// the same ids and titles and other embeddings, histories and popularity. The best ten scores of
// a user span more than 0.1, so that a wrong item is no near tie. Version and fingerprint are
// those of nothing written.
//
// User row r is the user (r + 1), "1" to "40"; item row r is the item (7 * r + 101), "101" to
// "514", so that no row is taken for an id. Titles are "Film 101 (1950)", and for the first two
// items a quote and letters outside of ASCII. The first user has seen nothing, the second all
// items but three.
#pragma once

#include <cstdint>
#include <string>

#include "tandem/bundle/bundle.h"

namespace tandem::bundle::testing {

struct TinyOptions {
  int64_t users = 40;  // 2 or more
  int64_t items = 60;  // 4 or more
  model::ModelConfig config = {.dimension = 8,
                               .item = model::ItemFeatures::kIdAndCategories,
                               .rating_layers = {16},
                               .rating_dimension = 4};
};

Bundle TinyBundle(uint64_t seed, const TinyOptions& options = {});

std::string TinyUserId(int64_t row);
std::string TinyItemId(int64_t row);
std::string TinyTitle(int64_t row);

}  // namespace tandem::bundle::testing
