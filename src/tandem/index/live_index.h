// An index of vectors with string ids that is searched while it changes; the one header of this
// room that a program needs.
//
//   auto index = LiveIndex::Create(2);
//   (*index)->Upsert("pen", std::vector<float>{1, 0});
//   for (const Neighbor& hit : *(*index)->Search(query, 10)) ... hit.id, hit.score ...
//
// An item is an id of 1 to kMaxItemIdBytes bytes, any bytes, and a vector of d finite numbers. A
// score is that of the metric (metric.h); larger is better. For kCosine an item is kept, and given
// back, with length 1. Answers are exact: the best of all items, where the index that
// LiveOptions::build makes is. Ties go by the order of insertion: an id whose vector is replaced
// counts as inserted anew.
//
// Items live in a base, built once and immutable, and a log of what came after; deleted ones are
// marked. When `merge_at` have come together, a thread builds a new base beside the one that
// serves; where that is an ExactIndex of floats, answers are the same before, during and after it.
// A change is written to the log and published at once: a call that begins after it returned sees
// it. A call that reads takes the state of one moment; it takes no lock and waits for no writer and
// no merge. Writers wait for each other, microseconds, and for the end of a merge while it is
// published.
//
// Safe from many threads. Errors change nothing: kInvalidArgument for what a caller gives,
// kNotFound for an id that is not there, kResourceExhausted beyond 2^31 - 1 items. Where memory
// runs out: a merge keeps the old base, and Flush and stats() tell it; a change leaves an index
// that can be searched but not changed (kResourceExhausted); a call that reads throws
// std::bad_alloc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/item_index.h"
#include "tandem/index/live_attributes.h"
#include "tandem/index/metric.h"

namespace tandem::index {

inline constexpr size_t kMaxItemIdBytes = 1024;

// Per index. Metric and attributes change results; the others do not, unless `build` makes an
// inexact index.
struct LiveOptions {
  Metric metric = Metric::kDot;
  // What is known of the items beside their vectors, for LiveSearch::filter. Open adds these to
  // what the file has.
  std::vector<AttributeField> attributes;
  // A merge begins when so many changes wait for it: items added and items of the base deleted or
  // replaced. They make a search slower, merging takes a processor. 0: 4096 and 1/128 of the base.
  int64_t merge_at = 0;
  // Whether a thread merges then; if not, only Flush does.
  bool merge_in_background = true;
  // Builds the base from rows [n, d], n >= 1; it must search by the metric, where kCosine may also
  // be kDot, as the vectors have length 1. It is called by one thread at a time. Empty: an
  // ExactIndex, or after Open the engine of the file, with its metric, format of rows and recall
  // aimed at; queries of one's own to aim by (IvfOptions::sample_queries) need a `build`.
  std::function<Result<std::unique_ptr<ItemIndex>>(std::span<const float> rows, int64_t n,
                                                   int64_t d)>
      build;
};

// Per search; every field changes results.
struct LiveSearch {
  // Ids that must not be found; those that are not in the index are passed over.
  std::vector<std::string> exclude;
  // Which items may be found, by their attributes (filter.h): "genre = Comedy AND year >= 1990".
  // Empty: all. An unknown attribute is kInvalidArgument.
  std::string filter;
};

struct Neighbor {
  std::string id;
  float score = 0;

  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

struct LiveStats {
  int64_t size = 0;         // items
  int64_t base = 0;         // rows of the base, deleted ones too
  int64_t pending = 0;      // changes that wait for a merge
  int64_t merges = 0;       // that were published
  Status last_merge_error;  // OK after one that went well
};

class LiveIndex {
 public:
  // Never null. kInvalidArgument: a dimension outside of 1 to 65536, merge_at < 0.
  static Result<std::unique_ptr<LiveIndex>> Create(int64_t dimension, LiveOptions options = {});
  // A file that Save or `tandem index build` has made (index_file.h): mapped, not read. The metric
  // is that of the file, whatever the options say. kDataLoss for a file that is damaged or
  // another's, and what Env says of the path.
  static Result<std::unique_ptr<LiveIndex>> Open(const Env& env, const std::string& path,
                                                 LiveOptions options = {});
  // Waits for a merge that has begun. No other call may be under way.
  ~LiveIndex();
  LiveIndex(const LiveIndex&) = delete;
  LiveIndex& operator=(const LiveIndex&) = delete;

  // Adds the item, or replaces its vector and attributes. attributes: a table of one row, with any
  // of the columns of LiveOptions::attributes; null: none are known.
  Status Upsert(std::string_view id, std::span<const float> vector,
                const AttributeTable* attributes = nullptr);
  // ids [n], vectors [n, d], attributes of n rows: all of them at once or, on an error, none; of an
  // id that is there twice the last one counts.
  Status Upsert(std::span<const std::string> ids, std::span<const float> vectors,
                const AttributeTable* attributes = nullptr);
  Status Delete(std::string_view id);

  // The k best, or all where they are fewer, best first; k >= 1.
  Result<std::vector<Neighbor>> Search(std::span<const float> query, int64_t k,
                                       const LiveSearch& search = {}) const;
  // queries [q, d] -> q answers, all from one moment. searches: none, one for all, or one for each.
  Result<std::vector<std::vector<Neighbor>>> SearchBatch(
      std::span<const float> queries, int64_t k, std::span<const LiveSearch> searches = {}) const;
  // The k best for the vector of an item, itself left out.
  Result<std::vector<Neighbor>> NeighborsOf(std::string_view id, int64_t k,
                                            LiveSearch search = {}) const;
  Result<std::vector<float>> Vector(std::string_view id) const;
  // As Upsert takes them: a table of one row, with all columns of the index.
  Result<AttributeTable> Attributes(std::string_view id) const;
  bool Contains(std::string_view id) const;
  int64_t size() const;
  int64_t dimension() const;

  Metric metric() const;

  // Merges all that was changed before the call, on this thread; the errors of `build`.
  Status Flush();
  // Flush, and a file of the items of that moment, written beside the path and renamed: on an error
  // the file that was there is as it was. kUnimplemented where LiveOptions::build makes neither an
  // ExactIndex nor an IvfIndex, or one of another metric. Without items the file is of an
  // ExactIndex.
  Status Save(Env& env, const std::string& path);
  LiveStats stats() const;

 private:
  class Core;
  explicit LiveIndex(std::unique_ptr<Core> core);

  std::unique_ptr<Core> core_;
};

}  // namespace tandem::index
