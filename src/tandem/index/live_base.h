// The part of a LiveIndex that is built once and then only read: n different ids, their vectors,
// and the index that searches them. A file of it is that of an ExactIndex with ids.
//
// Immutable and safe from many threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/id_map.h"
#include "tandem/index/live_attributes.h"
#include "tandem/index/metric.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

// rows [n, d], n >= 1 -> an index of them.
using BuildItemIndex = std::function<Result<std::unique_ptr<ItemIndex>>(std::span<const float> rows,
                                                                        int64_t n, int64_t d)>;

class LiveBase {
 public:
  // vectors [n, d], as they are searched: of length 1 for kCosine. `build` may be empty: an
  // ExactIndex, the only one that Write writes. The errors of `build`.
  static Result<std::shared_ptr<const LiveBase>> Create(std::span<const std::string> ids,
                                                        std::span<const float> vectors, size_t d,
                                                        AttributeTable attributes, Metric metric,
                                                        const BuildItemIndex& build);
  // With columns of no values for the attributes that the file lacks.
  static Result<std::shared_ptr<const LiveBase>> Open(std::shared_ptr<const SnapshotFile> file,
                                                      std::span<const AttributeField> attributes);
  // kUnimplemented where `build` made it.
  Status Write(SnapshotWriter& writer) const;

  int64_t size() const { return ids_.size(); }
  const AttributeTable& attributes() const { return attributes_; }
  const ItemIndex& index() const { return *index_; }
  // kDataLoss where the file is damaged.
  Result<std::string> Id(int32_t row) const { return ids_.Id(row); }
  // -1 where there is none.
  int32_t Find(std::string_view id) const { return ids_.Find(id); }
  void CopyVector(int32_t row, std::span<float> vector) const { index_->CopyVector(row, vector); }
  // Where it is an ExactIndex; else null.
  const ExactIndex* exact() const { return exact_; }

 private:
  LiveBase(IdMap ids, AttributeTable attributes, std::unique_ptr<const ItemIndex> index,
           const ExactIndex* exact)
      : ids_(std::move(ids)),
        attributes_(std::move(attributes)),
        index_(std::move(index)),
        exact_(exact) {}

  IdMap ids_;
  AttributeTable attributes_;
  std::unique_ptr<const ItemIndex> index_;
  const ExactIndex* exact_;
};

}  // namespace tandem::index
