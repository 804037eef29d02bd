// What a LiveIndex is made of: the published state, its writers, and the thread that merges.
// Internal to live_index.cc.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/base/log.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/index/live_index.h"
#include "tandem/index/live_state.h"
#include "tandem/index/published.h"

namespace tandem::index {

class LiveIndex::Core {
 public:
  Core(std::unique_ptr<LiveState> state, LiveOptions options)
      : options_(std::move(options)), state_(std::move(state)) {
    if (options_.merge_in_background) merger_ = std::thread([this] { MergeWhenDue(); });
  }
  ~Core() {
    {
      MutexLock lock(write_mutex_);
      stopping_ = true;
    }
    due_.NotifyAll();
    if (merger_.joinable()) merger_.join();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Published<LiveState>::Hold Read() const { return state_.Read(); }

  // Calls change(LiveState& next), which may refuse before it has begun, and publishes what it has
  // made of the state. Where memory runs out in the middle, the log holds what no state must see:
  // that state stays, and nothing is written any more.
  template <typename Change>
  Status Write(Change&& change) TANDEM_EXCLUDES(write_mutex_) {
    Replaced replaced;
    MutexLock lock(write_mutex_);
    TANDEM_RETURN_IF_ERROR(broken_);
    try {
      auto next = std::make_unique<LiveState>(state_.current());
      ++next->change;
      TANDEM_RETURN_IF_ERROR(change(*next));
      replaced = state_.Publish(std::move(next));
    } catch (const std::bad_alloc&) {
      broken_ = ResourceExhaustedError(
          "memory ran out while a live index was changed; it can be searched, not changed: "
          "build a new one");
      return broken_;
    }
    if (IsDue()) due_.NotifyOne();
    return {};
  }

  // Where it fails, out of memory too, the old base stays, and stats() say why.
  Status MergeNow() TANDEM_EXCLUDES(merge_mutex_, write_mutex_) {
    MutexLock merging(merge_mutex_);
    try {
      return Merge();
    } catch (const std::bad_alloc&) {
      // So short that it takes no memory.
      return MergeFailed(Status(StatusCode::kResourceExhausted, "out of memory"));
    }
  }

  LiveStats stats() const TANDEM_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    LiveStats stats = stats_;
    stats.size = state_.current().size;
    stats.base = state_.current().base->size();
    stats.pending = state_.current().pending();
    return stats;
  }

 private:
  // States to be destroyed: declared before the lock, so that this happens without it.
  using Replaced = std::vector<std::unique_ptr<const LiveState>>;

  Status Merge() TANDEM_REQUIRES(merge_mutex_) TANDEM_EXCLUDES(write_mutex_) {
    const LiveState before = *state_.Read();
    if (before.pending() == 0) return {};
    const Result<Merged> merged = index::Merge(before, options_.build);
    if (!merged.ok()) return MergeFailed(merged.status());
    Replaced replaced;
    MutexLock lock(write_mutex_);
    TANDEM_RETURN_IF_ERROR(broken_);
    replaced =
        state_.Publish(std::make_unique<LiveState>(Rebase(state_.current(), before, *merged)));
    stats_.last_merge_error = {};
    ++stats_.merges;
    retry_at_ = 0;
    return {};
  }
  Status MergeFailed(Status status) TANDEM_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    TANDEM_RETURN_IF_ERROR(broken_);
    stats_.last_merge_error = status;
    retry_at_ = state_.current().pending() + MergeAt();
    return status;
  }

  int64_t MergeAt() const TANDEM_REQUIRES(write_mutex_) {
    if (options_.merge_at > 0) return options_.merge_at;
    return 4096 + state_.current().base->size() / 128;
  }
  bool IsDue() const TANDEM_REQUIRES(write_mutex_) {
    return broken_.ok() && state_.current().pending() >= std::max(MergeAt(), retry_at_);
  }

  void MergeWhenDue() TANDEM_EXCLUDES(merge_mutex_, write_mutex_) {
    for (;;) {
      {
        MutexLock lock(write_mutex_);
        while (!stopping_ && !IsDue()) due_.Wait(write_mutex_);
        if (stopping_) return;
      }
      const Status status = MergeNow();
      if (!status.ok()) LogFailure(status);
    }
  }

  static void LogFailure(const Status& status) {
    try {
      Log(LogLevel::kError,
          StrCat("a live index goes on with its old base, merging failed: ", status));
    } catch (const std::bad_alloc&) {  // which stats() tell
    }
  }

  LiveOptions options_;
  Mutex merge_mutex_;  // one merge at a time; taken before write_mutex_
  mutable Mutex write_mutex_;
  CondVar due_;
  bool stopping_ TANDEM_GUARDED_BY(write_mutex_) = false;
  // After a failure: how many changes must wait before the next try.
  int64_t retry_at_ TANDEM_GUARDED_BY(write_mutex_) = 0;
  Status broken_ TANDEM_GUARDED_BY(write_mutex_);  // why nothing can be written
  LiveStats stats_ TANDEM_GUARDED_BY(write_mutex_);
  Published<LiveState> state_;  // published under write_mutex_
  std::thread merger_;          // none where merging is for Flush alone
};

}  // namespace tandem::index
