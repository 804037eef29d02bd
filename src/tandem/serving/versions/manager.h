// Keeps the right versions of one model loaded and hands them out.
//
// Poll lists the versions, loads what the policy wants beside what serves, publishes each at once
// and then lets the old ones go: a request that holds a handle finishes on its version. A version
// that does not load is refused, and tried again when its directory changes, or, where the error is
// not one of its contents (a disk that could not be read; loader.h), after a while that doubles
// from Policy's retry_first to its retry_longest; the others serve on. Get copies one pointer under
// a lock that no load ever holds.
//
// Thread-safe. Start polls on a thread of the manager's own; tests call Poll themselves.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/serving/versions/handle.h"
#include "tandem/serving/versions/loader.h"
#include "tandem/serving/versions/observer.h"
#include "tandem/serving/versions/policy.h"
#include "tandem/serving/versions/source.h"

namespace tandem::versions {

struct VersionStatus {
  int64_t version = 0;
  State state = State::kStart;
  Status error;  // why it was refused; OK else
};

template <typename T>
class Manager {
 public:
  // `observer` may be null, and else must outlive the manager.
  Manager(const Policy& policy, std::unique_ptr<Source> source, std::unique_ptr<Loader<T>> loader,
          Observer* observer)
      : policy_(policy),
        source_(std::move(source)),
        loader_(std::move(loader)),
        observer_(observer) {}
  // Waits for a load that is under way. Handles outlive the manager.
  ~Manager() { Stop(); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // One round, on this thread. The error is that of the source; a refused version is none.
  Status Poll() { return Poll(std::stop_token()); }

  // Whether the versions can be listed: what a server asks before it starts.
  Status CheckSource() const { return source_->List().status(); }

  // Polls now and then every `interval`, on a thread of its own. Once at most.
  void Start(std::chrono::milliseconds interval) {
    SetPolling(true);
    thread_ = std::jthread([this, interval](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any wake;
      while (!stop.stop_requested()) {
        // A source that cannot be read is the observer's to tell; what is loaded serves on.
        static_cast<void>(Poll(stop));
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait_for(lock, stop, interval, [] { return false; });
      }
      SetPolling(false);
    });
  }
  // Ends the polling; what is loaded serves on. Waits for a load that is under way.
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  // As Stop, but false where a load is under way for longer than `timeout`.
  bool StopWithin(std::chrono::milliseconds timeout) TANDEM_EXCLUDES(mutex_) {
    thread_.request_stop();
    const auto until = std::chrono::steady_clock::now() + timeout;
    MutexLock lock(mutex_);
    while (polling_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= std::chrono::steady_clock::duration::zero()) return false;
      polling_ended_.WaitFor(mutex_, left);
    }
    return true;
  }

  // The newest available version, or exactly this one. kUnavailable where none is available,
  // kNotFound where others are but not this one.
  Result<Handle<T>> Get(std::optional<int64_t> version = std::nullopt) const
      TANDEM_EXCLUDES(mutex_) {
    const std::shared_ptr<const Snapshot> snapshot = Published();
    if (snapshot->empty()) return UnavailableError("no version is available yet");
    const auto found = version.has_value() ? snapshot->find(*version) : snapshot->begin();
    if (found != snapshot->end()) return Handle<T>(found->second, found->first);
    std::string available;
    for (const auto& one : *snapshot) available += StrCat(available.empty() ? "" : ", ", one.first);
    return NotFoundError("version ", *version, " is not available; available: ", available);
  }

  // Every available version, newest first.
  std::vector<Handle<T>> Available() const TANDEM_EXCLUDES(mutex_) {
    std::vector<Handle<T>> handles;
    const std::shared_ptr<const Snapshot> snapshot = Published();
    for (const auto& [version, value] : *snapshot) handles.emplace_back(value, version);
    return handles;
  }

  // The number of the newest available version; where none is available, why.
  Result<int64_t> Newest() const TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!published_->empty()) return published_->begin()->first;
    for (const auto& [version, entry] : entries_) {
      if (entry.state == State::kLoading) {
        return UnavailableError("version ", version, " is being loaded");
      }
    }
    for (const auto& [version, entry] : entries_) {
      if (entry.refused()) {
        return entry.error.WithContext(StrCat("version ", version, " is refused"));
      }
    }
    return source_error_.ok() ? UnavailableError("no version is available yet") : source_error_;
  }

  // Every version that was tried and still has a directory or a handle, newest first.
  std::vector<VersionStatus> Statuses() const TANDEM_EXCLUDES(mutex_) {
    std::vector<VersionStatus> statuses;
    MutexLock lock(mutex_);
    for (const auto& [version, entry] : entries_) {
      statuses.push_back({version, entry.CurrentState(), entry.error});
    }
    return statuses;
  }

 private:
  using Snapshot = std::map<int64_t, std::shared_ptr<const T>, std::greater<>>;

  struct Entry {
    State state = State::kStart;
    Status error;
    std::string fingerprint;         // as it was before the load that was refused
    std::weak_ptr<const T> leaving;  // of a version that is let go

    State CurrentState() const {
      return state == State::kUnloading && leaving.expired() ? State::kEnd : state;
    }
    bool refused() const { return !error.ok(); }
  };

  using Time = std::chrono::steady_clock::time_point;
  // Of a version since it was last good.
  struct Refusal {
    Status told;                      // to the observer
    std::chrono::milliseconds pause;  // before the next try but one
    Time retry_at;
  };

  Status Poll(const std::stop_token& stop) TANDEM_EXCLUDES(poll_mutex_, mutex_) {
    MutexLock one_poll(poll_mutex_);
    Result<std::vector<FoundVersion>> listed = source_->List();
    Status trouble = listed.status();
    if (listed.ok() && listed->empty() && Published()->empty()) {
      trouble =
          NotFoundError(source_->Name(), " holds no version: expected a directory named 1, 2, ...");
    }
    if (SetSourceError(trouble) && observer_ != nullptr) observer_->OnSourceError(trouble);
    if (!listed.ok()) return trouble;
    std::map<int64_t, FoundVersion> found;
    std::vector<int64_t> versions;
    for (const FoundVersion& one : *listed) {
      found[one.version] = one;
      versions.push_back(one.version);
    }
    Forget(found);
    while (!stop.stop_requested()) {
      const Actions actions = Decide(policy_, versions, Had());
      for (const int64_t version : actions.unload) Unload(version);
      if (actions.load.empty()) break;
      Load(found.at(actions.load.front()));
    }
    return Status();
  }

  // The same bytes end in the same error.
  static bool IsOfContents(const Status& error) {
    return error.code() == StatusCode::kDataLoss || error.code() == StatusCode::kInvalidArgument ||
           error.code() == StatusCode::kFailedPrecondition;
  }

  // Drops what is over and gone, and refusals whose directory has changed or whose time has come.
  void Forget(const std::map<int64_t, FoundVersion>& found) TANDEM_REQUIRES(poll_mutex_)
      TANDEM_EXCLUDES(mutex_) {
    std::map<int64_t, std::string> fingerprints;  // of refused versions, read without the lock
    for (const VersionStatus& status : Statuses()) {
      const auto at = found.find(status.version);
      if (status.error.ok() || at == found.end()) continue;
      const auto fingerprint = source_->Fingerprint(at->second);
      if (fingerprint.ok()) fingerprints[status.version] = *fingerprint;
    }
    const auto now = std::chrono::steady_clock::now();
    MutexLock lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      const auto [version, entry] = *at;
      const auto fresh = fingerprints.find(version);
      const bool there = found.count(version) > 0;
      const bool gone = entry.CurrentState() == State::kEnd && !there;
      const bool changed = fresh != fingerprints.end() && fresh->second != entry.fingerprint;
      const auto refusal = refusals_.find(version);
      const bool due = refusal != refusals_.end() && now >= refusal->second.retry_at;
      if (changed && refusal != refusals_.end()) refusal->second.pause = policy_.retry_first;
      at = gone || changed || (entry.refused() && due) ? entries_.erase(at) : std::next(at);
    }
    // Also of versions that have no entry: one that is due is not loaded where newer ones are.
    std::erase_if(refusals_, [&](const auto& one) { return found.count(one.first) == 0; });
  }

  std::vector<versions::Had> Had() const TANDEM_EXCLUDES(mutex_) {
    std::vector<versions::Had> had;
    for (const VersionStatus& one : Statuses()) {
      had.push_back({one.version, one.state, !one.error.ok()});
    }
    return had;
  }

  void Load(const FoundVersion& found) TANDEM_REQUIRES(poll_mutex_) TANDEM_EXCLUDES(mutex_) {
    SetEntry(found.version, Entry{State::kLoading, Status(), "", {}});
    // Before the load, so that a change during it is seen by the next poll.
    const auto fingerprint = source_->Fingerprint(found);
    Result<std::shared_ptr<const T>> loaded = loader_->Load(found.path, found.version);
    if (!loaded.ok()) {
      SetEntry(
          found.version,
          Entry{State::kEnd, loaded.status(), fingerprint.ok() ? *fingerprint : std::string(), {}});
      Refuse(found.version, loaded.status());
      return;
    }
    refusals_.erase(found.version);
    auto next = std::make_shared<Snapshot>(*Published());
    (*next)[found.version] = std::move(loaded).value();
    Publish(std::move(next), found.version, Entry{State::kAvailable, Status(), "", {}});
    if (observer_ != nullptr) observer_->OnAvailable(found.version);
  }

  // Tells the observer what it has not heard of this version, and sets the time of the next try.
  void Refuse(int64_t version, const Status& why) TANDEM_REQUIRES(poll_mutex_)
      TANDEM_EXCLUDES(mutex_) {
    const auto [at, first] =
        refusals_.try_emplace(version, Refusal{why, policy_.retry_first, Time::max()});
    Refusal& refusal = at->second;
    const bool fresh = first || refusal.told != why;
    refusal.told = why;
    refusal.retry_at =
        IsOfContents(why) ? Time::max() : std::chrono::steady_clock::now() + refusal.pause;
    refusal.pause = std::min(refusal.pause * 2, policy_.retry_longest);
    if (fresh && observer_ != nullptr) observer_->OnRefused(version, why);
  }

  void Unload(int64_t version) TANDEM_EXCLUDES(mutex_) {
    auto next = std::make_shared<Snapshot>(*Published());
    const auto at = next->find(version);
    Entry entry{State::kUnloading, Status(), "", at->second};
    next->erase(at);
    Publish(std::move(next), version, std::move(entry));
    if (observer_ != nullptr) observer_->OnUnloaded(version);
  }

  // True where it is a trouble that was not told before.
  bool SetSourceError(const Status& trouble) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const bool fresh = !trouble.ok() && trouble != source_error_;
    source_error_ = trouble;
    return fresh;
  }
  void SetPolling(bool polling) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    polling_ = polling;
    polling_ended_.NotifyAll();
  }

  void SetEntry(int64_t version, Entry entry) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    entries_[version] = std::move(entry);
  }

  std::shared_ptr<const Snapshot> Published() const TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return published_;
  }
  // State and snapshot change together. The old snapshot is dropped outside the lock: it may take
  // the last hold of a version with it.
  void Publish(std::shared_ptr<const Snapshot> next, int64_t version, Entry entry)
      TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    entries_[version] = std::move(entry);
    published_.swap(next);
  }

  const Policy policy_;
  const std::unique_ptr<Source> source_;
  const std::unique_ptr<Loader<T>> loader_;
  Observer* const observer_;

  mutable Mutex poll_mutex_;  // held by one poll, loads included; taken before mutex_
  std::map<int64_t, Refusal> refusals_ TANDEM_GUARDED_BY(poll_mutex_);

  mutable Mutex mutex_;  // held for look-ups and swaps of pointers only
  std::map<int64_t, Entry, std::greater<>> entries_ TANDEM_GUARDED_BY(mutex_);
  Status source_error_ TANDEM_GUARDED_BY(mutex_);
  bool polling_ TANDEM_GUARDED_BY(mutex_) = false;  // the own thread runs
  CondVar polling_ended_;
  std::shared_ptr<const Snapshot> published_ TANDEM_GUARDED_BY(mutex_) =
      std::make_shared<Snapshot>();

  std::jthread thread_;
};

}  // namespace tandem::versions
