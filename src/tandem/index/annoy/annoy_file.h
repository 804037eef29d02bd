// An Annoy file (.ann) in memory, every number of it checked.
//
// The file tells neither its metric nor its dimension: both are found out, by what the nodes of
// each metric must look like, or told. Two metrics may fit: euclidean and manhattan always do. What
// fits is then listed, and the caller asked to tell. No bytes make it crash, loop, or take more
// memory than a small multiple of the file's size.
//
// Vectors have layout().dimension floats; of hamming, numbers 0 and 1. Ids are 0..n_items() - 1,
// some of which may be no item (holes). Immutable and safe to read from many threads; spans are
// valid as long as the object.
// Errors: kDataLoss for bytes that are no index of Annoy, or not one of the metric and dimension
// told, with node and field; kFailedPrecondition where more than one metric or dimension fits;
// kInvalidArgument for a dimension out of range; what Env::Map gives.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/index/annoy/check.h"
#include "tandem/index/annoy/layout.h"
#include "tandem/index/annoy/sniff.h"

namespace tandem::index::annoy {

// Items without the holes between them.
struct Items {
  int64_t dimension = 0;
  std::vector<int32_t> ids;  // [n], ascending
  std::vector<float> rows;   // [n, dimension]
};

class AnnoyFile {
 public:
  // Maps the file: what env.h says of MappedFile holds. Annoy's own save makes a new one.
  static Result<std::shared_ptr<const AnnoyFile>> Open(const Env& env, const std::string& path,
                                                       const AnnoyFileOptions& options);
  static Result<std::shared_ptr<const AnnoyFile>> Parse(std::string bytes,
                                                        const AnnoyFileOptions& options);
  AnnoyFile(const AnnoyFile&) = delete;
  AnnoyFile& operator=(const AnnoyFile&) = delete;

  const Layout& layout() const { return nodes_.layout(); }
  const Nodes& nodes() const { return nodes_; }
  // The largest id + 1.
  int32_t n_items() const { return forest_.n_items; }
  // How many trees Annoy counts: where all items fit in one leaf, 2 q - 1 for the q it was built
  // with.
  int64_t n_trees() const { return static_cast<int64_t>(forest_.roots.size()); }
  std::span<const int32_t> roots() const { return forest_.roots; }
  // Whether there is an item of this id.
  bool HasItem(int64_t id) const {
    return id >= 0 && id < n_items() && nodes_.Descendants(id) == 1;
  }
  // kInvalidArgument: no such item, or a span of another size than the dimension.
  Status CopyVector(int64_t id, std::span<float> vector) const;
  Items CopyItems() const;
  // "dot of dimension 32, 9724 items, 10 trees".
  std::string Describe() const;

 private:
  // One of the two holds the bytes.
  AnnoyFile(std::string bytes, std::shared_ptr<const MappedFile> mapped, Sniffed sniffed)
      : bytes_(std::move(bytes)),
        mapped_(std::move(mapped)),
        nodes_(mapped_ != nullptr ? mapped_->view() : std::string_view(bytes_), sniffed.layout),
        forest_(std::move(sniffed.forest)) {}
  void Copy(int64_t id, std::span<float> vector) const;

  std::string bytes_;
  std::shared_ptr<const MappedFile> mapped_;
  Nodes nodes_;
  Forest forest_;
};

}  // namespace tandem::index::annoy
