#include "tandem/math/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/math/testing/every_target.h"

namespace tandem::math {
namespace {

TEST(Sort, PutsTheLargestFirstAtEveryLength) {
  OnEveryTarget([] {
    Rng rng(2);
    for (size_t n = 0; n < 600; ++n) {
      std::vector<uint64_t> keys(n);
      // Of few values and of all.
      for (uint64_t& key : keys) {
        key = n % 2 == 0 ? rng.UniformInt(9) : rng.UniformInt(~uint64_t{0});
      }
      std::vector<uint64_t> want = keys;
      std::sort(want.begin(), want.end(), std::greater<>());
      SortDescending(keys);
      EXPECT_EQ(keys, want) << n;
    }
  });
}

}  // namespace
}  // namespace tandem::math
