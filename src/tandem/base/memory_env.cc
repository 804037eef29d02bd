#include "tandem/base/memory_env.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tandem/base/aligned_buffer.h"

namespace tandem {
namespace {

// Without double slashes, "." parts and a slash at the end; "." and "/" are the two roots.
std::string Normal(std::string_view path) {
  const bool absolute = !path.empty() && path.front() == '/';
  std::string normal;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") {
      if (absolute || !normal.empty()) normal += '/';
      normal += part;
    }
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  if (normal.empty()) return absolute ? "/" : ".";
  return normal;
}

bool IsRoot(std::string_view normal) { return normal == "." || normal == "/"; }

// Where the path of `path` relative to the directory starts; npos where it is not inside it.
size_t InsideAt(std::string_view path, std::string_view directory) {
  if (IsRoot(path)) return std::string_view::npos;
  if (directory == ".") return path.front() == '/' ? std::string_view::npos : 0;
  if (directory == "/") return path.front() == '/' ? 1 : std::string_view::npos;
  const bool inside = path.size() > directory.size() && path[directory.size()] == '/' &&
                      path.substr(0, directory.size()) == directory;
  return inside ? directory.size() + 1 : std::string_view::npos;
}

bool IsInside(std::string_view path, std::string_view directory) {
  return InsideAt(path, directory) != std::string_view::npos;
}

std::string LastPart(const std::string& normal) {
  return IsRoot(normal) ? normal : normal.substr(normal.rfind('/') + 1);
}

Status Nothing(std::string_view what, std::string_view path) {
  return NotFoundError(what, " '", path, "': no such file or directory");
}

Status NotDirectory(std::string_view what, std::string_view path) {
  return FailedPreconditionError(what, " '", path, "': not a directory");
}

Status IsADirectory(std::string_view what, std::string_view path) {
  return FailedPreconditionError(what, " '", path, "': is a directory");
}

class MemoryMappedFile final : public MappedFile {
 public:
  explicit MemoryMappedFile(std::string_view bytes) : bytes_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(bytes_.data()));
  }
  std::span<const std::byte> bytes() const override { return bytes_.span(); }

 private:
  AlignedBuffer<std::byte> bytes_;
};

}  // namespace

// Appends to whatever the path names.
class MemoryEnv::File final : public WritableFile {
 public:
  File(MemoryEnv& env, std::string path, std::string normal)
      : env_(env), path_(std::move(path)), normal_(std::move(normal)) {}

  Status Append(std::string_view bytes) override {
    MutexLock lock(env_.mutex_);
    const Status status = env_.CountChange(path_);
    env_.files_[normal_] += status.ok() ? bytes : bytes.substr(0, bytes.size() / 2);
    return status;
  }
  Status Close() override {
    MutexLock lock(env_.mutex_);
    return env_.CountChange(path_);
  }

 private:
  MemoryEnv& env_;
  std::string path_;
  std::string normal_;
};

bool MemoryEnv::HasDirectory(const std::string& normal) const {
  return IsRoot(normal) || directories_.count(normal) > 0;
}

bool MemoryEnv::IsEmptyDirectory(const std::string& normal) const {
  for (const auto& file : files_) {
    if (IsInside(file.first, normal)) return false;
  }
  for (const std::string& directory : directories_) {
    if (IsInside(directory, normal)) return false;
  }
  return true;
}

Status MemoryEnv::CheckParent(std::string_view what, const std::string& normal) const {
  for (std::string parent = ParentPath(normal); !IsRoot(parent); parent = ParentPath(parent)) {
    if (files_.count(parent) > 0) return NotDirectory(what, normal);
  }
  return HasDirectory(ParentPath(normal)) ? Status() : Nothing(what, normal);
}

Status MemoryEnv::CountChange(const std::string& path) {
  if (changes_until_failure_ > 0 && --changes_until_failure_ == 0) failing_ = true;
  if (failing_) return ResourceExhaustedError("change '", path, "': no space left");
  return Status();
}

Result<std::string> MemoryEnv::ReadFile(const std::string& path, uint64_t max_bytes) const {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return IsADirectory("read", path);
  const auto file = files_.find(normal);
  if (file == files_.end()) return Nothing("read", path);
  if (file->second.size() > max_bytes) {
    return ResourceExhaustedError("read '", path, "': longer than the limit of ", max_bytes,
                                  " bytes");
  }
  return file->second;
}

Status MemoryEnv::WriteFile(const std::string& path, std::string_view bytes) {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return IsADirectory("write", path);
  TANDEM_RETURN_IF_ERROR(CheckParent("write", normal));
  const Status status = CountChange(path);
  files_[normal] = std::string(status.ok() ? bytes : bytes.substr(0, bytes.size() / 2));
  return status;
}

Result<std::unique_ptr<WritableFile>> MemoryEnv::CreateFile(const std::string& path) {
  return Create(path, /*must_be_new=*/false);
}

Result<std::unique_ptr<WritableFile>> MemoryEnv::CreateNewFile(const std::string& path) {
  return Create(path, /*must_be_new=*/true);
}

Result<std::unique_ptr<WritableFile>> MemoryEnv::Create(const std::string& path, bool must_be_new) {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return IsADirectory("create", path);
  TANDEM_RETURN_IF_ERROR(CheckParent("create", normal));
  if (must_be_new && files_.count(normal) > 0) {
    return FailedPreconditionError("create '", path, "': File exists");
  }
  TANDEM_RETURN_IF_ERROR(CountChange(path));
  files_[normal].clear();
  return std::unique_ptr<WritableFile>(std::make_unique<File>(*this, path, std::move(normal)));
}

Result<std::shared_ptr<const MappedFile>> MemoryEnv::Map(const std::string& path) const {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return IsADirectory("map", path);
  const auto file = files_.find(normal);
  if (file == files_.end()) return Nothing("map", path);
  return std::shared_ptr<const MappedFile>(std::make_shared<MemoryMappedFile>(file->second));
}

Result<FileInfo> MemoryEnv::Stat(const std::string& path) const {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return FileInfo{LastPart(normal), true, 0};
  const auto file = files_.find(normal);
  if (file == files_.end()) return Nothing("stat", path);
  return FileInfo{LastPart(normal), false, file->second.size()};
}

Result<std::string> MemoryEnv::FollowLinks(const std::string& path) const {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  return path;
}

Result<std::vector<FileInfo>> MemoryEnv::ListDirectory(const std::string& path) const {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (!HasDirectory(normal)) {
    TANDEM_RETURN_IF_ERROR(CheckParent("list", normal));
    return files_.count(normal) > 0 ? NotDirectory("list", path) : Nothing("list", path);
  }
  std::map<std::string, FileInfo> infos;  // by name
  const auto add = [&](const std::string& entry, bool is_directory, uint64_t bytes) {
    const size_t at = InsideAt(entry, normal);
    if (at == std::string_view::npos || entry.find('/', at) != std::string::npos) return;
    infos[entry.substr(at)] = {entry.substr(at), is_directory, bytes};
  };
  for (const auto& file : files_) add(file.first, false, file.second.size());
  for (const std::string& directory : directories_) add(directory, true, 0);
  std::vector<FileInfo> sorted;
  for (auto& info : infos) sorted.push_back(std::move(info.second));
  return sorted;
}

Status MemoryEnv::CreateDirectory(const std::string& path) {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (HasDirectory(normal)) return Status();
  for (std::string part = normal; !IsRoot(part); part = ParentPath(part)) {
    if (files_.count(part) > 0) return NotDirectory("create directory", part);
  }
  TANDEM_RETURN_IF_ERROR(CountChange(path));
  for (std::string part = normal; !IsRoot(part); part = ParentPath(part)) directories_.insert(part);
  return Status();
}

Status MemoryEnv::Rename(const std::string& from, const std::string& to) {
  TANDEM_RETURN_IF_ERROR(CheckPath(from));
  TANDEM_RETURN_IF_ERROR(CheckPath(to));
  const std::string source = Normal(from);
  const std::string target = Normal(to);
  const std::string what = StrCat("rename '", from, "' to");
  MutexLock lock(mutex_);
  if (IsRoot(source) || IsRoot(target) || IsInside(target, source)) {
    return InvalidArgumentError(what, " '", to, "': a directory cannot go into itself");
  }
  TANDEM_RETURN_IF_ERROR(CheckParent(what, source));
  const bool is_directory = HasDirectory(source);
  if (!is_directory && files_.count(source) == 0) return Nothing(what, to);
  TANDEM_RETURN_IF_ERROR(CheckParent(what, target));
  if (source == target) return Status();
  if (is_directory && files_.count(target) > 0) return NotDirectory(what, to);
  if (!is_directory && HasDirectory(target)) return IsADirectory(what, to);
  if (is_directory && !IsEmptyDirectory(target)) {
    return FailedPreconditionError(what, " '", to, "': directory not empty");
  }
  TANDEM_RETURN_IF_ERROR(CountChange(to));

  if (!is_directory) {
    auto node = files_.extract(source);
    files_[target] = std::move(node.mapped());
    return Status();
  }
  std::map<std::string, std::string> files;
  for (auto& file : files_) {
    const bool moves = IsInside(file.first, source);
    files[moves ? target + file.first.substr(source.size()) : file.first] = std::move(file.second);
  }
  std::set<std::string> directories;
  for (const std::string& directory : directories_) {
    const bool moves = directory == source || IsInside(directory, source);
    directories.insert(moves ? target + directory.substr(source.size()) : directory);
  }
  files_ = std::move(files);
  directories_ = std::move(directories);
  return Status();
}

Status MemoryEnv::RemoveAll(const std::string& path) {
  TANDEM_RETURN_IF_ERROR(CheckRemovable(path));
  const std::string normal = Normal(path);
  MutexLock lock(mutex_);
  if (files_.count(normal) == 0 && !HasDirectory(normal)) return Status();
  TANDEM_RETURN_IF_ERROR(CountChange(path));
  for (auto file = files_.begin(); file != files_.end();) {
    const bool goes = file->first == normal || IsInside(file->first, normal);
    file = goes ? files_.erase(file) : std::next(file);
  }
  for (auto directory = directories_.begin(); directory != directories_.end();) {
    const bool goes = *directory == normal || IsInside(*directory, normal);
    directory = goes ? directories_.erase(directory) : std::next(directory);
  }
  return Status();
}

int64_t MemoryEnv::UnixSeconds() const {
  MutexLock lock(mutex_);
  return seconds_;
}

int64_t MemoryEnv::MonotonicNanos() const { return UnixSeconds() * 1'000'000'000; }

void MemoryEnv::FailFromChange(int n) {
  MutexLock lock(mutex_);
  changes_until_failure_ = n;
  failing_ = false;
}

void MemoryEnv::AdvanceSeconds(int64_t seconds) {
  MutexLock lock(mutex_);
  seconds_ += seconds;
}

}  // namespace tandem
