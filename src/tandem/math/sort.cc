#include "tandem/math/sort.h"

#include <hwy/contrib/sort/vqsort.h>

namespace tandem::math {

void SortDescending(std::span<uint64_t> keys) {
  static thread_local const hwy::Sorter sorter;  // holds memory, for one call at a time
  sorter(keys.data(), keys.size(), hwy::SortDescending());
}

}  // namespace tandem::math
