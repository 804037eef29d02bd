// The items of an Annoy file that are nearest indeed: exact search, without its trees.
//
// Of dot, angular and euclidean through ExactIndex over a copy of the vectors; of manhattan and
// hamming by a plain scan of the file. Takes away what a bad tree misses, those of dot as Annoy
// 1.13 to 1.17.3 builds them first of all. Distances are Annoy's (annoy_index.h), ties by smaller
// id; an item whose score overflows float is not found.
// Immutable and safe to search from many threads; holds the file.
// Errors: kInvalidArgument: a query of another length than the dimension or not finite, n < 1, an
// item that there is not; what ExactIndex::Create gives.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/exact_index.h"

namespace tandem::index::annoy {

class AnnoyExact {
 public:
  static Result<std::unique_ptr<AnnoyExact>> Create(std::shared_ptr<const AnnoyFile> file);

  // The n nearest of all items, or all where there are fewer, nearest first.
  Result<std::vector<Neighbour>> SearchByVector(std::span<const float> query, int64_t n) const;
  Result<std::vector<Neighbour>> SearchByItem(int64_t id, int64_t n) const;

 private:
  explicit AnnoyExact(std::shared_ptr<const AnnoyFile> file) : file_(std::move(file)) {}

  std::shared_ptr<const AnnoyFile> file_;
  std::vector<int32_t> ids_;           // of the rows of index_
  std::unique_ptr<ExactIndex> index_;  // null where the file is scanned
};

}  // namespace tandem::index::annoy
