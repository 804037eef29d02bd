#include "tandem/training/data/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tandem/base/rng.h"

namespace tandem::data {
namespace {

Result<int64_t> TestRows(int64_t rows, double test_fraction) {
  if (!(test_fraction > 0 && test_fraction < 1)) {
    return InvalidArgumentError("test fraction ", test_fraction,
                                ", expected a number between 0 and 1, neither included");
  }
  if (rows < 2) return InvalidArgumentError("cannot split ", rows, " rows, expected at least 2");
  const int64_t wanted = std::llround(static_cast<double>(rows) * test_fraction);
  return std::clamp<int64_t>(wanted, 1, rows - 1);
}

// The last `test_rows` of `order` are the test.
Split Cut(const std::vector<int64_t>& order, int64_t test_rows) {
  Split split;
  split.train.assign(order.begin(), order.end() - test_rows);
  split.test.assign(order.end() - test_rows, order.end());
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.test.begin(), split.test.end());
  return split;
}

std::vector<int64_t> AllRows(size_t rows) {
  std::vector<int64_t> order(rows);
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

}  // namespace

Result<Split> SplitRandomly(int64_t rows, double test_fraction, uint64_t seed) {
  TANDEM_ASSIGN_OR_RETURN(const int64_t test_rows, TestRows(rows, test_fraction));
  std::vector<int64_t> order = AllRows(static_cast<size_t>(rows));
  Rng(seed).Fork("split").Shuffle(std::span(order));
  return Cut(order, test_rows);
}

Result<Split> SplitByTime(std::span<const int64_t> times, double test_fraction) {
  TANDEM_ASSIGN_OR_RETURN(const int64_t test_rows,
                          TestRows(static_cast<int64_t>(times.size()), test_fraction));
  std::vector<int64_t> order = AllRows(times.size());
  std::stable_sort(order.begin(), order.end(), [times](int64_t a, int64_t b) {
    return times[static_cast<size_t>(a)] < times[static_cast<size_t>(b)];
  });
  return Cut(order, test_rows);
}

}  // namespace tandem::data
