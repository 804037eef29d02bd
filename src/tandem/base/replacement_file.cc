#include "tandem/base/replacement_file.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace tandem {
namespace {

// Names that may be taken: by what another process of the same number left behind, as the first
// one of every container has the same.
constexpr int kMostNames = 1000;

std::string NextName(const std::string& target) {
  static std::atomic<uint64_t> number = 0;
  return StrCat(target, ".tmp.", ::getpid(), ".", number.fetch_add(1, std::memory_order_relaxed));
}

// With `to` in place of `from` in its message.
Status Reworded(const Status& status, const std::string& from, const std::string& to) {
  std::string message = status.message();
  for (size_t at = message.find(from); at != std::string::npos; at = message.find(from, at)) {
    message.replace(at, from.size(), to);
    at += to.size();
  }
  return {status.code(), std::move(message)};
}

}  // namespace

Result<std::unique_ptr<ReplacementFile>> ReplacementFile::Create(Env& env,
                                                                 const std::string& path) {
  // Now, and not when all is written: a rename cannot replace a directory, and replaces a device.
  TANDEM_RETURN_IF_ERROR(CheckDestination(env, path));
  TANDEM_ASSIGN_OR_RETURN(std::string target, env.FollowLinks(path));
  std::unique_ptr<ReplacementFile> file(new ReplacementFile(env, path, std::move(target)));
  TANDEM_RETURN_IF_ERROR(file->CreateTemporary());
  return file;
}

ReplacementFile::~ReplacementFile() {
  file_.reset();
  // What failed is known by now.
  if (!temporary_.empty()) static_cast<void>(env_.RemoveAll(temporary_));
}

Status ReplacementFile::CreateTemporary() {
  for (int i = 0; i < kMostNames; ++i) {
    const std::string name = NextName(target_);
    Result<std::unique_ptr<WritableFile>> created = env_.CreateNewFile(name);
    if (created.ok()) {
      temporary_ = name;
      file_ = *std::move(created);
      return {};
    }
    if (created.status().code() != StatusCode::kFailedPrecondition) {
      return Reworded(created.status(), name, path_);
    }
  }
  return FailedPreconditionError("write '", path_, "': all names of files beside it are taken; ",
                                 "remove '", target_, ".tmp.*'");
}

Status ReplacementFile::Append(std::string_view bytes) {
  const Status status = file_->Append(bytes);
  return status.ok() ? status : Reworded(status, temporary_, path_);
}

Status ReplacementFile::Commit() {
  const Status closed = file_->Close();
  if (!closed.ok()) return Reworded(closed, temporary_, path_);
  const Status renamed = env_.Rename(temporary_, target_);
  if (!renamed.ok()) {
    return Reworded(renamed, StrCat("rename '", temporary_, "' to '", target_, "'"),
                    StrCat("replace '", path_, "'"));
  }
  temporary_.clear();
  return {};
}

}  // namespace tandem
