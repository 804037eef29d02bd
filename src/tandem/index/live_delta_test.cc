// The log of a LiveIndex beside a base of the same items.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/index/live_index.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;

// All vectors of one direction: their scores are as near to what lengths allow as can be.
TEST(LiveDeltaTest, WhatLengthsRuleOutInTheLogIsNeverAmongTheBest) {
  for (const Metric metric : {Metric::kDot, Metric::kL2}) {
    SCOPED_TRACE(MetricName(metric));
    Rng rng(5);
    constexpr size_t kItems = 900;
    const Floats direction = {0.7F, -0.1F, 0.3F, 0.9F};
    std::vector<std::string> ids;
    Floats vectors;
    for (size_t i = 0; i < kItems; ++i) {
      ids.push_back(std::to_string(i));
      // In steps of a part in ten million, and now and then a length of any size, or none.
      const float near = 1 + static_cast<float>(rng.UniformInt(64)) * 1e-7F;
      const float far = std::exp(20 * rng.Normal());
      const float length = i % 9 == 0 ? far : i % 31 == 0 ? 0 : near;
      for (const float x : direction) vectors.push_back(x * length);
    }
    const auto index = LiveIndex::Create(4, {.metric = metric, .merge_in_background = false});
    ASSERT_TRUE((*index)->Upsert(ids, vectors).ok());
    const auto merged = LiveIndex::Create(4, {.metric = metric, .merge_in_background = false});
    ASSERT_TRUE((*merged)->Upsert(ids, vectors).ok());
    ASSERT_TRUE((*merged)->Flush().ok());
    for (const float length : {0.0F, 1e-20F, 1e-3F, 1.0F, -1.0F, 1.0000003F, 5.0F, 1e9F}) {
      Floats query = direction;
      for (float& x : query) x *= length;
      for (const int64_t k : {1, 10, 300}) {
        EXPECT_EQ((*index)->Search(query, k).value(), (*merged)->Search(query, k).value())
            << "length " << length << ", k " << k;
      }
    }
  }
}

}  // namespace
}  // namespace tandem::index
