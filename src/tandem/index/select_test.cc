#include "tandem/index/select.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

std::vector<uint64_t> Shuffled(size_t n, Rng& rng) {
  std::vector<uint64_t> keys(n);
  std::iota(keys.begin(), keys.end(), uint64_t{1} << 40);
  for (size_t i = n; i > 1; --i) std::swap(keys[i - 1], keys[rng.UniformInt(i)]);
  return keys;
}

void ExpectSelectsAndSorts(const std::vector<uint64_t>& keys) {
  std::vector<uint64_t> want = keys;
  std::sort(want.begin(), want.end(), std::greater<>());
  std::vector<uint64_t> scratch(keys.size());
  std::vector<uint64_t> sorted = keys;
  SortDescending(sorted, scratch);
  EXPECT_EQ(sorted, want);
  const size_t n = keys.size();
  for (const size_t k : {size_t{1}, n / 3 + 1, n / 2 + 1, n}) {
    if (k < 1 || k > n) continue;
    std::vector<uint64_t> selected = keys;
    SelectLargest(selected, k, scratch);
    EXPECT_EQ(selected[k - 1], want[k - 1]) << n << " " << k;
    std::sort(selected.begin(), selected.begin() + static_cast<std::ptrdiff_t>(k),
              std::greater<>());
    EXPECT_TRUE(
        std::equal(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(k), selected.begin()))
        << n << " " << k;
  }
}

TEST(Select, EqualsASortAtEveryLength) {
  Rng rng(1);
  for (size_t n = 0; n < 300; ++n) ExpectSelectsAndSorts(Shuffled(n, rng));
}

TEST(Select, TakesKeysThatAreInOrderAlready) {
  std::vector<uint64_t> keys(5000);
  std::iota(keys.begin(), keys.end(), uint64_t{0});
  ExpectSelectsAndSorts(keys);
  std::reverse(keys.begin(), keys.end());
  ExpectSelectsAndSorts(keys);
}

// The largest keys at the first, the middle and the last place of whatever is left: each pivot is
// the second largest, so that partitions alone would take n / 2 rounds of n.
TEST(Select, EndsSoonWherePivotsAreBad) {
  const size_t n = 200'000;
  std::vector<uint64_t> places(n);
  std::iota(places.begin(), places.end(), uint64_t{0});
  std::vector<uint64_t> keys(n);
  uint64_t next = n;
  for (size_t begin = 0; begin + 2 < n; begin += 2) {
    // What Partition leaves below the pivot keeps its order but for the pivot's own place.
    const size_t middle = begin + (n - begin) / 2;
    keys[places[begin]] = next--;
    keys[places[middle]] = next--;
    std::swap(places[begin + 1], places[middle]);
  }
  for (uint64_t& key : keys) key = key == 0 ? next-- : key;
  ExpectSelectsAndSorts(keys);
}

}  // namespace
}  // namespace tandem::index
