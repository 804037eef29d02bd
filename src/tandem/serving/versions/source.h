// Which versions exist. DirectorySource: the numeric directories of a model's base path, as
// TensorFlow Serving lays it out.
//
// Implementations are safe to use from many threads. Errors are those of the Env.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"

namespace tandem::versions {

struct FoundVersion {
  int64_t version = 0;
  std::string path;
  friend bool operator==(const FoundVersion&, const FoundVersion&) = default;
};

class Source {
 public:
  virtual ~Source() = default;
  // For messages: where the versions come from.
  virtual std::string Name() const = 0;
  // Ascending by version, each once; empty where there is none yet.
  virtual Result<std::vector<FoundVersion>> List() const = 0;
  // Changes when what is at the version's path changes.
  virtual Result<std::string> Fingerprint(const FoundVersion& found) const = 0;
};

class DirectorySource final : public Source {
 public:
  // `path` is a base path, or the directory of one version: one whose own name is a number and
  // that holds files but no version directories. `env` must outlive the source.
  DirectorySource(const Env& env, std::string path);

  std::string Name() const override { return path_; }
  // A version is a directory named by a decimal int64 without sign or leading zeros; whatever
  // else the base path holds (17.tmp, notes, files) is left alone.
  Result<std::vector<FoundVersion>> List() const override;
  // A hash of the names and sizes of all files, of when they last changed, and of the bytes of
  // those up to 64 KiB: a large file that is repaired in place has its old size.
  Result<std::string> Fingerprint(const FoundVersion& found) const override;

 private:
  const Env& env_;
  const std::string path_;
};

}  // namespace tandem::versions
