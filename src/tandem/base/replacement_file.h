// A file that takes the place of another one when it is whole: what every writer of files uses that
// somebody may be reading.
//
//   TANDEM_ASSIGN_OR_RETURN(const auto file, ReplacementFile::Create(env, path));
//   TANDEM_RETURN_IF_ERROR(file->Append(bytes));
//   TANDEM_RETURN_IF_ERROR(file->Commit());
//
// It is written beside the path under a name of its own, path.tmp.PROCESS.NUMBER, and renamed. So
// any number of threads and processes may write to one path at a time: each file is whole, and the
// last to be committed stays. A path that is a link goes on being one: what it leads to is
// replaced. What a process leaves behind that ends in the middle is in nobody's way.
//
// Errors are those of CheckDestination and of the Env, and name the path that was given. After one
// nothing more may be written; what was at the path is as it was. For one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tandem/base/env.h"
#include "tandem/base/status.h"

namespace tandem {

class ReplacementFile {
 public:
  // Never null. The Env must outlive it.
  static Result<std::unique_ptr<ReplacementFile>> Create(Env& env, const std::string& path);
  // Removes what was written, unless it was committed.
  ~ReplacementFile();
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;

  // Not buffered: append kilobytes, not bytes.
  Status Append(std::string_view bytes);
  // Has the bytes at the path and on disk. Nothing may follow.
  Status Commit();

 private:
  ReplacementFile(Env& env, std::string path, std::string target)
      : env_(env), path_(std::move(path)), target_(std::move(target)) {}
  Status CreateTemporary();

  Env& env_;
  const std::string path_;    // as it was given
  const std::string target_;  // behind its links
  std::string temporary_;     // empty: there is none
  std::unique_ptr<WritableFile> file_;
};

}  // namespace tandem
