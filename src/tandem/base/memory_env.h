// An Env in memory, for tests: starts empty, its clock stands still until advanced, and the
// n-th change of the file system from now can be made to fail. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tandem/base/env.h"

namespace tandem {

class MemoryEnv final : public Env {
 public:
  Result<std::string> ReadFile(const std::string& path, uint64_t max_bytes) const override;
  Status WriteFile(const std::string& path, std::string_view bytes) override;
  Result<FileInfo> Stat(const std::string& path) const override;
  Result<std::vector<FileInfo>> ListDirectory(const std::string& path) const override;
  Status CreateDirectory(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status RemoveAll(const std::string& path) override;
  int64_t UnixSeconds() const override;
  int64_t MonotonicNanos() const override;

  using Env::ReadFile;

  // The n-th change from now (1 is the next) and every one after it answers
  // kResourceExhausted "no space left"; a failing WriteFile leaves half of its bytes, as a
  // full disk does. n = 0 ends that.
  void FailFromChange(int n);
  void AdvanceSeconds(int64_t seconds);

 private:
  Status CountChange(const std::string& path);

  mutable std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::map<std::string, bool> directories_;
  int changes_until_failure_ = 0;
  bool failing_ = false;
  int64_t seconds_ = 1'000'000'000;
};

}  // namespace tandem
