#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "tandem/base/env.h"

namespace tandem {
namespace {

StatusCode CodeOfErrno(int error) {
  switch (error) {
    case ENOENT:
      return StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return StatusCode::kResourceExhausted;
    case EISDIR:
    case ENOTDIR:
    case EEXIST:
    case ENOTEMPTY:
      return StatusCode::kFailedPrecondition;
    case EINVAL:
    case ENAMETOOLONG:
      return StatusCode::kInvalidArgument;
    default:
      return StatusCode::kUnavailable;
  }
}

Status PosixError(std::string_view what, std::string_view path, int error) {
  return Status(CodeOfErrno(error),
                StrCat(what, " '", path, "': ", std::generic_category().message(error)));
}

// Where one only looks, a path below a plain file is a path where nothing is.
int ErrorOfLooking(int error) { return error == ENOTDIR ? ENOENT : error; }

// Closes on leaving; Close() for those who must know whether it worked.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Not repeated on EINTR: Linux has released the descriptor by then.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

int OpenRetrying(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

bool SyncRetrying(int fd) {
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

Status SyncDirectory(const std::string& path) {
  Descriptor directory(OpenRetrying(path, O_RDONLY | O_DIRECTORY));
  if (!directory.ok()) return PosixError("open directory", path, errno);
  // EINVAL: a file system whose directories cannot be synced.
  if (!SyncRetrying(directory.get()) && errno != EINVAL) {
    return PosixError("sync directory", path, errno);
  }
  return Status();
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The names in a directory but for "." and "..", in no order.
Result<std::vector<std::string>> NamesIn(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) return PosixError("open directory", path, errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return PosixError("read directory", path, errno);
  return names;
}

std::string LastPart(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos || path.size() == 1 ? path
                                                                         : path.substr(slash + 1));
}

FileInfo InfoOf(std::string name, const struct stat& found) {
  const bool is_directory = S_ISDIR(found.st_mode);
  const bool is_special = !is_directory && !S_ISREG(found.st_mode) && !S_ISLNK(found.st_mode);
  return {.name = std::move(name),
          .is_directory = is_directory,
          .bytes = is_directory ? 0 : static_cast<uint64_t>(found.st_size),
          .changed_nanos = static_cast<int64_t>(found.st_ctim.tv_sec) * 1'000'000'000 +
                           static_cast<int64_t>(found.st_ctim.tv_nsec),
          .is_special = is_special};
}

// Does not follow links: a link is removed, not what it names.
Status RemoveTree(const std::string& path) {
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0) {
    const int error = ErrorOfLooking(errno);
    return error == ENOENT ? Status() : PosixError("stat", path, error);
  }
  const bool is_directory = S_ISDIR(found.st_mode);
  if (is_directory) {
    TANDEM_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(path));
    for (const std::string& name : names) TANDEM_RETURN_IF_ERROR(RemoveTree(JoinPath(path, name)));
  }
  const int result = is_directory ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
  if (result != 0 && errno != ENOENT) return PosixError("remove", path, errno);
  return Status();
}

// Writes all; with a message that names the path.
Status WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return PosixError("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status();
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, int fd) : path_(std::move(path)), file_(fd) {}

  Status Append(std::string_view bytes) override { return WriteAll(file_.get(), path_, bytes); }
  Status Close() override {
    if (!SyncRetrying(file_.get())) return PosixError("sync", path_, errno);
    if (!file_.Close()) return PosixError("close", path_, errno);
    return SyncDirectory(ParentPath(path_));
  }

 private:
  std::string path_;
  Descriptor file_;
};

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* data, size_t size) : data_(data), size_(size) {}
  ~PosixMappedFile() override {
    if (size_ > 0) ::munmap(data_, size_);
  }
  PosixMappedFile(const PosixMappedFile&) = delete;
  PosixMappedFile& operator=(const PosixMappedFile&) = delete;

  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_;
  size_t size_;
};

class PosixEnv final : public Env {
 public:
  Result<std::string> ReadFile(const std::string& path, uint64_t max_bytes) const override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    Descriptor file(OpenRetrying(path, O_RDONLY));
    if (!file.ok()) return PosixError("open", path, ErrorOfLooking(errno));
    struct stat found = {};
    if (::fstat(file.get(), &found) != 0) return PosixError("stat", path, errno);
    if (S_ISDIR(found.st_mode)) return PosixError("read", path, EISDIR);
    const uint64_t expected = static_cast<uint64_t>(found.st_size);
    if (expected > max_bytes) return TooLong(path, max_bytes);

    // One byte more than expected, to see the end without growing. The size is only a hint: it is
    // 0 for files of /proc, and a file may grow meanwhile.
    std::string bytes(static_cast<size_t>(expected) + 1, '\0');
    size_t filled = 0;
    while (true) {
      if (filled == bytes.size()) bytes.resize(std::max<size_t>(2 * bytes.size(), 4096));
      const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return PosixError("read", path, errno);
      if (got == 0) break;
      filled += static_cast<size_t>(got);
      if (filled > max_bytes) return TooLong(path, max_bytes);
    }
    bytes.resize(filled);
    return bytes;
  }

  Status WriteFile(const std::string& path, std::string_view bytes) override {
    TANDEM_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, CreateFile(path));
    TANDEM_RETURN_IF_ERROR(file->Append(bytes));
    return file->Close();
  }

  Result<std::unique_ptr<WritableFile>> CreateFile(const std::string& path) override {
    return Create(path, O_TRUNC);
  }

  Result<std::unique_ptr<WritableFile>> CreateNewFile(const std::string& path) override {
    return Create(path, O_EXCL);
  }

  Result<std::shared_ptr<const MappedFile>> Map(const std::string& path) const override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    // Without waiting for a writer, were it a pipe.
    const Descriptor file(OpenRetrying(path, O_RDONLY | O_NONBLOCK));
    if (!file.ok()) return PosixError("open", path, ErrorOfLooking(errno));
    struct stat found = {};
    if (::fstat(file.get(), &found) != 0) return PosixError("stat", path, errno);
    if (S_ISDIR(found.st_mode)) return PosixError("map", path, EISDIR);
    if (!S_ISREG(found.st_mode)) {
      return FailedPreconditionError("map '", path, "': not a plain file");
    }
    const auto size = static_cast<size_t>(found.st_size);
    void* data = nullptr;
    if (size > 0) {
      data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
      if (data == MAP_FAILED) return PosixError("map", path, errno);
    }
    return std::shared_ptr<const MappedFile>(std::make_shared<PosixMappedFile>(data, size));
  }

  Result<FileInfo> Stat(const std::string& path) const override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    struct stat found = {};
    if (::stat(path.c_str(), &found) != 0) return PosixError("stat", path, ErrorOfLooking(errno));
    return InfoOf(LastPart(path), found);
  }

  Result<std::string> FollowLinks(const std::string& path) const override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    constexpr int kMostLinks = 40;  // as Linux follows
    std::string end = path;
    for (int i = 0; i <= kMostLinks; ++i) {
      std::string target(PATH_MAX, '\0');
      const ssize_t length = ::readlink(end.c_str(), target.data(), target.size());
      // EINVAL: no link.
      if (length < 0 && (errno == EINVAL || ErrorOfLooking(errno) == ENOENT)) return end;
      if (length < 0) return PosixError("follow", path, errno);
      target.resize(static_cast<size_t>(length));
      end = JoinPath(ParentPath(end), target);
    }
    return PosixError("follow", path, ELOOP);
  }

  Result<std::vector<FileInfo>> ListDirectory(const std::string& path) const override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    TANDEM_ASSIGN_OR_RETURN(std::vector<std::string> names, NamesIn(path));
    std::sort(names.begin(), names.end());
    std::vector<FileInfo> infos;
    infos.reserve(names.size());
    for (std::string& name : names) {
      const std::string full = JoinPath(path, name);
      struct stat found = {};
      // A link to nothing is listed as itself; a file removed meanwhile is not listed.
      if (::stat(full.c_str(), &found) == 0 || ::lstat(full.c_str(), &found) == 0) {
        infos.push_back(InfoOf(std::move(name), found));
      } else if (errno != ENOENT) {
        return PosixError("stat", full, errno);
      }
    }
    return infos;
  }

  Status CreateDirectory(const std::string& path) override {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    int error = ::mkdir(path.c_str(), 0777) == 0 ? 0 : errno;
    if (error == ENOENT && ParentPath(path) != path) {
      TANDEM_RETURN_IF_ERROR(CreateDirectory(ParentPath(path)));
      error = ::mkdir(path.c_str(), 0777) == 0 ? 0 : errno;
    }
    if (error == 0) return SyncDirectory(ParentPath(path));
    struct stat found = {};
    if (error == EEXIST && ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
      return Status();
    }
    return PosixError("create directory", path, error);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    TANDEM_RETURN_IF_ERROR(CheckPath(from));
    TANDEM_RETURN_IF_ERROR(CheckPath(to));
    if (std::rename(from.c_str(), to.c_str()) != 0) {
      return PosixError(StrCat("rename '", from, "' to"), to, errno);
    }
    const std::string old_parent = ParentPath(from);
    const std::string new_parent = ParentPath(to);
    TANDEM_RETURN_IF_ERROR(SyncDirectory(new_parent));
    return old_parent == new_parent ? Status() : SyncDirectory(old_parent);
  }

  Status RemoveAll(const std::string& path) override {
    TANDEM_RETURN_IF_ERROR(CheckRemovable(path));
    struct stat found = {};
    if (::lstat(path.c_str(), &found) != 0 && ErrorOfLooking(errno) == ENOENT) return Status();
    TANDEM_RETURN_IF_ERROR(RemoveTree(path));
    return SyncDirectory(ParentPath(path));
  }

  int64_t UnixSeconds() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
  }

  int64_t MonotonicNanos() const override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  }

 private:
  static Result<std::unique_ptr<WritableFile>> Create(const std::string& path, int how) {
    TANDEM_RETURN_IF_ERROR(CheckPath(path));
    const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | how);
    if (fd < 0) return PosixError("create", path, errno);
    return std::unique_ptr<WritableFile>(std::make_unique<PosixWritableFile>(path, fd));
  }
  static Status TooLong(const std::string& path, uint64_t max_bytes) {
    return ResourceExhaustedError("read '", path, "': longer than the limit of ", max_bytes,
                                  " bytes");
  }
};

}  // namespace

Env& Env::Posix() {
  static PosixEnv* const env = new PosixEnv;
  return *env;
}

}  // namespace tandem
