// What the tests of exact indexes share: random numbers, and a search that must not fail.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/item_index.h"

namespace tandem::index::testing {

inline std::vector<float> Normals(size_t n, Rng& rng) {
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

struct Found {
  std::vector<int32_t> ids;
  std::vector<float> scores;
};

inline Found Search(const ItemIndex& index, std::span<const float> queries, int64_t k) {
  const size_t room =
      queries.size() / static_cast<size_t>(index.dimension()) * static_cast<size_t>(k);
  Found found{std::vector<int32_t>(room), std::vector<float>(room)};
  const Status status = index.Search(queries, {.k = k}, found.ids, found.scores);
  EXPECT_TRUE(status.ok()) << status;
  return found;
}

}  // namespace tandem::index::testing
