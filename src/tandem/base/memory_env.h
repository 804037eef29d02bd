// An Env in memory, for tests: starts empty, its clock stands still until advanced, and the
// n-th change of the file system from now can be made to fail. Thread-safe.
//
// Paths, errors and what renames may replace are those of the Posix one; relative paths live
// under ".", which like "/" always exists. ".." is a name like any other.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/thread_annotations.h"

namespace tandem {

class MemoryEnv final : public Env {
 public:
  Result<std::string> ReadFile(
      const std::string& path,
      uint64_t max_bytes = std::numeric_limits<uint64_t>::max()) const override;
  Status WriteFile(const std::string& path, std::string_view bytes) override;
  Result<std::unique_ptr<WritableFile>> CreateFile(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> CreateNewFile(const std::string& path) override;
  // A copy of the bytes that are there now.
  Result<std::shared_ptr<const MappedFile>> Map(const std::string& path) const override;
  Result<FileInfo> Stat(const std::string& path) const override;
  Result<std::string> FollowLinks(const std::string& path) const override;  // there are none
  Result<std::vector<FileInfo>> ListDirectory(const std::string& path) const override;
  Status CreateDirectory(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status RemoveAll(const std::string& path) override;
  int64_t UnixSeconds() const override;
  int64_t MonotonicNanos() const override;

  // The n-th change from now (1 is the next) and every one after it answers
  // kResourceExhausted "no space left"; a failing WriteFile or Append leaves half of its bytes, as
  // a full disk does. n = 0 ends that. A call that has nothing to change is not counted;
  // CreateFile, each Append and Close are one change each.
  void FailFromChange(int n);
  void AdvanceSeconds(int64_t seconds);

 private:
  class File;

  Result<std::unique_ptr<WritableFile>> Create(const std::string& path, bool must_be_new);
  bool HasDirectory(const std::string& normal) const TANDEM_REQUIRES(mutex_);
  bool IsEmptyDirectory(const std::string& normal) const TANDEM_REQUIRES(mutex_);
  Status CheckParent(std::string_view what, const std::string& normal) const
      TANDEM_REQUIRES(mutex_);
  Status CountChange(const std::string& path) TANDEM_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, std::string> files_ TANDEM_GUARDED_BY(mutex_);
  std::set<std::string> directories_ TANDEM_GUARDED_BY(mutex_);
  int changes_until_failure_ TANDEM_GUARDED_BY(mutex_) = 0;
  bool failing_ TANDEM_GUARDED_BY(mutex_) = false;
  int64_t seconds_ TANDEM_GUARDED_BY(mutex_) = 1'000'000'000;
};

}  // namespace tandem
