// What a LiveIndex holds at one moment: a base that is searched by an ItemIndex, the rows of it
// that have died since it was built, and a range of the log of what was added.
//
// A state is a value that never changes once it is published; its parts are shared with the states
// before and after it, so that the next one costs what has changed. The order of the items is that
// of their last insertion: base rows, then log rows. An item is known inside of one state by its
// ordinal: base row r is r, log row `begin` + i is base size + i.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/bitmap.h"
#include "tandem/index/filter.h"
#include "tandem/index/live_attributes.h"
#include "tandem/index/live_base.h"
#include "tandem/index/live_delta.h"
#include "tandem/index/metric.h"
#include "tandem/index/top_k.h"

namespace tandem::index {

// Ordinals that one query leaves out, ascending.
using Ordinals = std::vector<int32_t>;

struct LiveState {
  Metric metric = Metric::kDot;
  size_t dimension = 0;
  uint64_t change = 0;  // the number of the last change that is in it
  int64_t size = 0;     // items alive

  std::shared_ptr<const LiveBase> base;
  // The dead of the base: those that are not in `living` (null: none), and since that was made
  // `dead`, ascending.
  std::shared_ptr<const Bitmap> living;
  std::vector<int32_t> dead;
  int64_t base_dead = 0;  // how many in all

  std::shared_ptr<DeltaLog> log;
  int64_t begin = 0;  // rows [begin, end) of the log are part of the state
  int64_t end = 0;

  int64_t ordinals() const { return base->size() + end - begin; }
  // What a merge would do away with.
  int64_t pending() const { return end - begin + base_dead; }
  bool Lives(int32_t ordinal) const;
  // The ordinal of a living item; -1 where there is none.
  int32_t Find(std::string_view id) const;
  // kDataLoss where the file of the base is damaged.
  Result<std::string> Id(int32_t ordinal) const;
  void CopyVector(int32_t ordinal, std::span<float> vector) const;
  // A table of one row.
  Result<AttributeTable> Attributes(int32_t ordinal) const;

  // queries [q, d], finite, of length 1 for kCosine; k >= 1; exclude: none, or for each query;
  // filter: null for none. The errors of Filter::Evaluate. For
  // each query the at most k best of the living, best first, ties by smaller ordinal.
  Result<std::vector<std::vector<Hit>>> Search(std::span<const float> queries, int64_t k,
                                               std::span<const Ordinals> exclude,
                                               const Filter* filter) const;

  // For the next state: the item of this ordinal dies with change number `change`.
  void Kill(int32_t ordinal);
  // For the next state: a living item, whose id must not be alive, is added at the end.
  void Append(std::string_view id, std::span<const float> vector, const AttributeRow& attributes);

 private:
  bool IsDeadInBase(int32_t row) const;
  Status ScanLog(std::span<const float> query, std::span<const int32_t> exclude, RowFilter* filter,
                 TopK& best) const;
};

// A base of the living items of a state, in their order, and their new rows.
struct Merged {
  std::shared_ptr<const LiveBase> base;
  std::vector<int32_t> row_of;  // by ordinal of the old state; -1 for the dead
};
// The errors of `build` and of Id; kResourceExhausted where memory runs out.
Result<Merged> Merge(const LiveState& state, const BuildItemIndex& build);

// The state that follows `now`, which follows `merged_from`: what `merged` holds is no longer in
// the log, what has died since is dead in the new base.
LiveState Rebase(const LiveState& now, const LiveState& merged_from, const Merged& merged);

}  // namespace tandem::index
