// What an index holds, apart from its engine, and changes to it: items added, replaced and
// removed. An engine is then built of the vectors anew, which takes about a second for a million.
// For changes while others search there is LiveIndex.
//
// An item that is replaced keeps its row, and the items that are left keep their order. Errors
// change nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/id_map.h"
#include "tandem/index/index_file.h"

namespace tandem::index {

struct IndexItems {
  int64_t dimension = 0;
  std::span<const float> vectors;     // [n, d], as the index holds them
  std::shared_ptr<const void> owner;  // of the vectors: memory, or a file that is mapped
  IdMap ids;                          // n
  AttributeTable attributes;          // n rows

  void SetVectors(std::vector<float> values);
};

// A copy, for changes. kDataLoss where the file is damaged.
Result<IndexItems> CopyItems(const IndexFile& file);

struct UpsertCounts {
  int64_t added = 0;
  int64_t replaced = 0;
};
// Items of the same dimension: those of a new id are added at the end in their order, others
// replace the vector of their id. The columns of more.attributes are replaced with it; others keep
// what they had, and are without value for new items. kInvalidArgument: another dimension, a
// column that items.attributes has not or has of another kind; 2^31 items or more.
Result<UpsertCounts> UpsertItems(const IndexItems& more, IndexItems& items);

// Rows in 0..n-1, in any order; one that is there twice counts once. Row numbers as ids become the
// text of the numbers they were, unless only the last rows go. Where none is left, row numbers are
// the ids again.
Status RemoveItems(std::span<const int32_t> rows, IndexItems& items);

}  // namespace tandem::index
