// The part of a LiveIndex that is built once and then only read: n different ids, their vectors,
// and the index that searches them. A file of it is an index file (index_file.h).
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

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/id_map.h"
#include "tandem/index/index_file.h"
#include "tandem/index/item_index.h"
#include "tandem/index/live_attributes.h"
#include "tandem/index/metric.h"

namespace tandem::index {

// rows [n, d], n >= 1 -> an index of them.
using BuildItemIndex = std::function<Result<std::unique_ptr<ItemIndex>>(std::span<const float> rows,
                                                                        int64_t n, int64_t d)>;

// Builds an index as that of the file: the same engine, metric, and format of rows or target of
// recall.
BuildItemIndex BuilderLike(const IndexFile& file);

class LiveBase {
 public:
  // vectors [n, d], as they are searched: of length 1 for kCosine. Where n is 0 or `build` empty,
  // an ExactIndex. The errors of `build`.
  static Result<std::shared_ptr<const LiveBase>> Create(std::span<const std::string> ids,
                                                        std::span<const float> vectors, size_t d,
                                                        AttributeTable attributes, Metric metric,
                                                        const BuildItemIndex& build);
  // With columns of no values for the attributes that the file lacks.
  static Result<std::shared_ptr<const LiveBase>> Open(const IndexFile& file,
                                                      std::span<const AttributeField> attributes);
  // As WriteIndexFile. kUnimplemented where `build` made neither an ExactIndex nor an IvfIndex, or
  // one of another metric.
  Status Write(Env& env, const std::string& path) const;

  int64_t size() const { return ids_.size(); }
  const AttributeTable& attributes() const { return attributes_; }
  const ItemIndex& index() const { return *index_; }
  // kDataLoss where the file is damaged.
  Result<std::string> Id(int32_t row) const { return ids_.Id(row); }
  // -1 where there is none.
  int32_t Find(std::string_view id) const { return ids_.Find(id); }
  void CopyVector(int32_t row, std::span<float> vector) const { index_->CopyVector(row, vector); }

 private:
  LiveBase(IdMap ids, AttributeTable attributes, Metric metric,
           std::shared_ptr<const ItemIndex> index)
      : ids_(std::move(ids)),
        attributes_(std::move(attributes)),
        metric_(metric),
        index_(std::move(index)) {}

  IdMap ids_;
  AttributeTable attributes_;
  Metric metric_;
  std::shared_ptr<const ItemIndex> index_;
};

}  // namespace tandem::index
