// What each user rated, as lists of item rows in one buffer (compressed sparse rows), and how
// often each item was taken.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/training/data/dataset.h"

namespace tandem::data {

// u users; the list of user i is [offsets[i], offsets[i + 1]) of items and ratings.
struct History {
  std::vector<int64_t> offsets = {0};  // [u + 1]
  std::vector<int32_t> items;          // rows, ascending in a list, each once
  std::vector<float> ratings;          // beside items

  int64_t users() const { return static_cast<int64_t>(offsets.size()) - 1; }
  std::span<const int32_t> ItemsOf(int64_t user) const;
  std::span<const float> RatingsOf(int64_t user) const;
};

// Of all users of the vocabulary. Where a user rated an item twice, the later rating stays (by
// time, then by place). Interactions with an unknown user or item are left out.
History MakeHistory(const Interactions& interactions);

// [n] interactions of each item; unknown items are left out.
std::vector<int64_t> ItemCounts(const Interactions& interactions);

// [n] share of each item in all interactions, what a logQ correction takes for the probability
// of meeting the item in a batch. 0 for an item without any; all 0 where there are none at all.
std::vector<float> SamplingProbabilities(std::span<const int64_t> counts);

// [n] item rows, most counted first, ties by smaller row.
std::vector<int32_t> ByPopularity(std::span<const int64_t> counts);

}  // namespace tandem::data
