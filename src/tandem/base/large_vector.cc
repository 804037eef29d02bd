#include "tandem/base/large_vector.h"

#include <sys/mman.h>

#include <cstdlib>

namespace tandem {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLeast = 2 * kHugePage;

}  // namespace

void* AllocateLarge(size_t bytes) {
  if (bytes > std::numeric_limits<size_t>::max() - kHugePage) throw std::bad_alloc();
  const bool huge = bytes >= kLeast;
  void* const storage =
      huge ? std::aligned_alloc(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage)
           : std::malloc(bytes == 0 ? 1 : bytes);
  if (storage == nullptr) throw std::bad_alloc();
  // A wish: where it is not granted, small pages do.
  if (huge) madvise(storage, bytes, MADV_HUGEPAGE);
  return storage;
}

void FreeLarge(void* storage) noexcept { std::free(storage); }

}  // namespace tandem
