// Keeps the right versions of one model loaded and hands them out.
//
// Poll lists the versions, loads what the policy wants beside what serves, publishes each at once
// and then lets the old ones go: a request that holds a handle finishes on its version. A version
// that does not load is refused, and tried again only when its directory changes; the others
// serve on. Get copies one pointer under a lock that no load ever holds.
//
// Thread-safe. Start polls on a thread of the manager's own; tests call Poll themselves.
#pragma once

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
  Status Poll() { return Poll(std::stop_token(), observer_); }

  // A first round that must leave something to serve: else the error of the source, that of the
  // newest version where all are refused, or kNotFound where there is none. The observer is told
  // of it afterwards, and only where it went well: the error is the caller's to tell.
  Status PollForFirst() {
    TANDEM_RETURN_IF_ERROR(Poll(std::stop_token(), nullptr));
    if (Get().ok()) {
      if (observer_ != nullptr) TellStatuses();
      return Status();
    }
    for (const VersionStatus& one : Statuses()) {
      if (!one.error.ok()) return one.error;
    }
    return NotFoundError(source_->Name(),
                         " holds no version: expected a directory named 1, 2, ...");
  }

  // Polls now and then every `interval`, on a thread of its own. Once at most.
  void Start(std::chrono::milliseconds interval) {
    thread_ = std::jthread([this, interval](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any wake;
      while (!stop.stop_requested()) {
        // A source that cannot be read is the observer's to tell; what is loaded serves on.
        static_cast<void>(Poll(stop, observer_));
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait_for(lock, stop, interval, [] { return false; });
      }
    });
  }
  // Ends the polling; what is loaded serves on.
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
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

  // `observer` may be null.
  Status Poll(const std::stop_token& stop, Observer* observer)
      TANDEM_EXCLUDES(poll_mutex_, mutex_) {
    MutexLock one_poll(poll_mutex_);
    Result<std::vector<FoundVersion>> listed = source_->List();
    if (!listed.ok()) {
      if (observer != nullptr && listed.status() != source_error_) {
        observer->OnSourceError(listed.status());
      }
      source_error_ = listed.status();
      return listed.status();
    }
    source_error_ = Status();
    std::map<int64_t, FoundVersion> found;
    std::vector<int64_t> versions;
    for (const FoundVersion& one : *listed) {
      found[one.version] = one;
      versions.push_back(one.version);
    }
    Forget(found);
    while (!stop.stop_requested()) {
      const Actions actions = Decide(policy_, versions, Had());
      for (const int64_t version : actions.unload) Unload(version, observer);
      if (actions.load.empty()) break;
      Load(found.at(actions.load.front()), observer);
    }
    return Status();
  }

  // Drops what is over and gone, and refusals whose directory has changed.
  void Forget(const std::map<int64_t, FoundVersion>& found) TANDEM_EXCLUDES(mutex_) {
    std::map<int64_t, std::string> fingerprints;  // of refused versions, read without the lock
    for (const VersionStatus& status : Statuses()) {
      const auto at = found.find(status.version);
      if (status.error.ok() || at == found.end()) continue;
      const auto fingerprint = source_->Fingerprint(at->second);
      if (fingerprint.ok()) fingerprints[status.version] = *fingerprint;
    }
    MutexLock lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      const auto [version, entry] = *at;
      const auto fresh = fingerprints.find(version);
      const bool gone = entry.CurrentState() == State::kEnd && found.count(version) == 0;
      const bool changed = fresh != fingerprints.end() && fresh->second != entry.fingerprint;
      at = gone || changed ? entries_.erase(at) : std::next(at);
    }
  }

  std::vector<versions::Had> Had() const TANDEM_EXCLUDES(mutex_) {
    std::vector<versions::Had> had;
    for (const VersionStatus& one : Statuses()) {
      had.push_back({one.version, one.state, !one.error.ok()});
    }
    return had;
  }

  void Load(const FoundVersion& found, Observer* observer) TANDEM_EXCLUDES(mutex_) {
    SetEntry(found.version, Entry{State::kLoading, Status(), "", {}});
    // Before the load, so that a change during it is seen by the next poll.
    const auto fingerprint = source_->Fingerprint(found);
    Result<std::shared_ptr<const T>> loaded = loader_->Load(found.path, found.version);
    if (!loaded.ok()) {
      SetEntry(
          found.version,
          Entry{State::kEnd, loaded.status(), fingerprint.ok() ? *fingerprint : std::string(), {}});
      if (observer != nullptr) observer->OnRefused(found.version, loaded.status());
      return;
    }
    auto next = std::make_shared<Snapshot>(*Published());
    (*next)[found.version] = std::move(loaded).value();
    Publish(std::move(next), found.version, Entry{State::kAvailable, Status(), "", {}});
    if (observer != nullptr) observer->OnAvailable(found.version);
  }

  void Unload(int64_t version, Observer* observer) TANDEM_EXCLUDES(mutex_) {
    auto next = std::make_shared<Snapshot>(*Published());
    const auto at = next->find(version);
    Entry entry{State::kUnloading, Status(), "", at->second};
    next->erase(at);
    Publish(std::move(next), version, std::move(entry));
    if (observer != nullptr) observer->OnUnloaded(version);
  }

  void TellStatuses() {
    for (const VersionStatus& one : Statuses()) {
      if (one.state == State::kAvailable) observer_->OnAvailable(one.version);
      if (!one.error.ok()) observer_->OnRefused(one.version, one.error);
    }
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

  mutable Mutex poll_mutex_;  // taken before mutex_
  Status source_error_ TANDEM_GUARDED_BY(poll_mutex_);

  mutable Mutex mutex_;  // held for look-ups and swaps of pointers only
  std::map<int64_t, Entry, std::greater<>> entries_ TANDEM_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> published_ TANDEM_GUARDED_BY(mutex_) =
      std::make_shared<Snapshot>();

  std::jthread thread_;
};

}  // namespace tandem::versions
