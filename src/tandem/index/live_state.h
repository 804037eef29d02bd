// What a LiveIndex holds at one moment: a base that is searched by an ItemIndex, the rows of it
// that have died since it was built, and a range of the log of what was added.
//
// A state is a value that never changes once it is published; its parts are shared with the states
// before and after it, so that the next one costs what has changed. The order of the items is that
// of their last insertion: base rows, then log rows. An item is known inside of one state by its
// ordinal: base row r is r, log row `begin` + i is base size + i.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/index/bitmap.h"
#include "tandem/index/item_index.h"
#include "tandem/index/live_delta.h"
#include "tandem/index/top_k.h"

namespace tandem::index {

// rows [n, d], n >= 1 -> an index of them.
using BuildItemIndex = std::function<Result<std::unique_ptr<ItemIndex>>(std::span<const float> rows,
                                                                        int64_t n, int64_t d)>;

// Immutable: n different ids and their vectors [n, d].
class LiveBase {
 public:
  LiveBase() = default;  // of no items
  // The errors of `build`.
  static Result<std::shared_ptr<const LiveBase>> Create(std::vector<std::string> ids,
                                                        std::vector<float> vectors, size_t d,
                                                        const BuildItemIndex& build);
  LiveBase(const LiveBase&) = delete;
  LiveBase& operator=(const LiveBase&) = delete;

  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  // Null where there are no items.
  const ItemIndex* index() const { return index_.get(); }
  std::string_view Id(int32_t row) const { return ids_[static_cast<size_t>(row)]; }
  // -1 where there is none.
  int32_t Find(std::string_view id) const;
  void CopyVector(int32_t row, std::span<float> vector) const;

 private:
  std::vector<std::string> ids_;
  std::unordered_map<std::string_view, int32_t> row_of_;  // views of ids_
  std::vector<float> vectors_;
  std::unique_ptr<const ItemIndex> index_;
};

// Ordinals that one query leaves out, ascending.
using Ordinals = std::vector<int32_t>;

struct LiveState {
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
  std::string_view Id(int32_t ordinal) const;
  void CopyVector(int32_t ordinal, std::span<float> vector) const;

  // queries [q, d], finite; k >= 1; exclude: none, or for each query. For each query the at most k
  // best of the living, best first, ties by smaller ordinal.
  Result<std::vector<std::vector<Hit>>> Search(std::span<const float> queries, int64_t k,
                                               std::span<const Ordinals> exclude) const;

  // For the next state: the item of this ordinal dies with change number `change`.
  void Kill(int32_t ordinal);
  // For the next state: a living item, whose id must not be alive, is added at the end.
  void Append(std::string_view id, std::span<const float> vector);

 private:
  bool IsDeadInBase(int32_t row) const;
  void ScanLog(std::span<const float> query, std::span<const int32_t> exclude, TopK& best) const;
};

// A base of the living items of a state, in their order, and their new rows.
struct Merged {
  std::shared_ptr<const LiveBase> base;
  std::vector<int32_t> row_of;  // by ordinal of the old state; -1 for the dead
};
// The errors of `build`; kResourceExhausted where memory runs out.
Result<Merged> Merge(const LiveState& state, const BuildItemIndex& build);

// The state that follows `now`, which follows `merged_from`: what `merged` holds is no longer in
// the log, what has died since is dead in the new base.
LiveState Rebase(const LiveState& now, const LiveState& merged_from, const Merged& merged);

}  // namespace tandem::index
