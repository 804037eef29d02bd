// Training and test rows. Pure and deterministic: the same arguments give the same rows on every
// machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::data {

// Row numbers, ascending; together every row once.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> test;
};

// test_fraction of the rows (rounded, but at least one row on either side), drawn without
// replacement by the seed. kInvalidArgument: fewer than two rows, a fraction outside (0, 1).
Result<Split> SplitRandomly(int64_t rows, double test_fraction, uint64_t seed);

// The last test_fraction of the rows by time; among equal times later rows count as later.
Result<Split> SplitByTime(std::span<const int64_t> times, double test_fraction);

}  // namespace tandem::data
