// Nearest items of an Annoy file, found the way Annoy finds them.
//
// All trees are walked best first, by the margins of their planes, until search_k candidates are
// together; these are ranked by their distance, ties by smaller id. Answers are those of Annoy on
// the same file, but where two distances or margins differ by less than floats round. Fewer than n
// are found where search_k is small. For all items that are nearest indeed, on the same file:
// annoy_exact.h.
//
// Immutable and safe to search from many threads; holds the file.
// Errors: kInvalidArgument: a query of another length than the dimension or not finite, n < 1,
// search_k < -1, an item that there is not.
// Source of the algorithm: annoylib.h of Annoy 1.17; of the margin of dot, Annoy's main branch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/annoy/annoy_file.h"

namespace tandem::index::annoy {

struct Neighbour {
  int32_t id = -1;
  // As Annoy gives it: sqrt(2 - 2 cos) for angular, the sum of absolute or root of the sum of
  // squared differences, the number of bits; for dot the inner product, larger is nearer.
  float distance = 0;

  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

class AnnoyIndex {
 public:
  explicit AnnoyIndex(std::shared_ptr<const AnnoyFile> file) : file_(std::move(file)) {}

  // The n nearest of the candidates, nearest first. search_k -1: n for each tree. Of hamming, a
  // number above 0.5 is a bit that is set.
  Result<std::vector<Neighbour>> SearchByVector(std::span<const float> query, int64_t n,
                                                int64_t search_k = -1) const;
  // The same for the vector of an item, which is then found itself.
  Result<std::vector<Neighbour>> SearchByItem(int64_t id, int64_t n, int64_t search_k = -1) const;
  // Between two items.
  Result<float> Distance(int64_t a, int64_t b) const;

  const AnnoyFile& file() const { return *file_; }

 private:
  std::shared_ptr<const AnnoyFile> file_;
};

}  // namespace tandem::index::annoy
