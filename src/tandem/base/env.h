// The outside world: files and clocks. Everything that touches a disk or asks the time goes
// through an Env, so that tests run in memory and can make the n-th write fail
// (memory_env.h). Paths are UTF-8 with '/' between parts.
//
// Errors: kNotFound where there is nothing at a path, kPermissionDenied, kResourceExhausted
// (disk full, file over the limit), kFailedPrecondition (a directory where a file is needed or
// the other way round, a directory that is not empty), kInvalidArgument (a path that can name
// nothing), kUnavailable for the rest; messages name the path.
// Implementations are safe to use from many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem {

struct FileInfo {
  std::string name;  // last part of the path
  bool is_directory = false;
  uint64_t bytes = 0;  // 0 for directories
  // When its bytes, name or rights last changed (ctime: nobody can set it back), nanoseconds since
  // 1970; 0 where that is not known, as in MemoryEnv.
  int64_t changed_nanos = 0;
  bool is_special = false;  // a device, pipe or socket: bytes go through it, none are kept
};

// The bytes of a file as they are on disk, read page by page when they are looked at. They start
// at a multiple of 64 bytes, live as long as this object and may be read from many threads.
//
// A file that is mapped is replaced by a rename (WriteFileAtomically, index/snapshot_file.h) and
// never written in place: the mapping keeps the old bytes then, whatever happens to the name. A
// foreign program that truncates the file underneath takes the pages away, and the next look at
// one of them ends the process with SIGBUS; a foreign write into it shows through.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  virtual std::span<const std::byte> bytes() const = 0;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
  }
};

// A file being written from its start to its end, without a buffer: append kilobytes, not bytes.
// For one thread. After an error nothing more may be appended.
class WritableFile {
 public:
  // Closes; what was not closed by Close may not be on disk.
  virtual ~WritableFile() = default;
  // On an error the file may hold a part of the bytes.
  virtual Status Append(std::string_view bytes) = 0;
  // Has all bytes and the name on disk (fsync) before it returns. Nothing may follow.
  virtual Status Close() = 0;
};

class Env {
 public:
  virtual ~Env() = default;

  // The whole file; kResourceExhausted where it is longer than max_bytes.
  virtual Result<std::string> ReadFile(const std::string& path, uint64_t max_bytes) const = 0;
  Result<std::string> ReadFile(const std::string& path) const {
    return ReadFile(path, std::numeric_limits<uint64_t>::max());
  }
  // Creates or replaces the file and has it and its name on disk (fsync) before it returns. The
  // directory must exist. On an error the file may hold a part of the bytes.
  virtual Status WriteFile(const std::string& path, std::string_view bytes) = 0;
  // Creates or empties the file. The directory must exist. The Env must outlive the file.
  virtual Result<std::unique_ptr<WritableFile>> CreateFile(const std::string& path) = 0;
  // The same where nothing is at the path, not even a link; else kFailedPrecondition.
  virtual Result<std::unique_ptr<WritableFile>> CreateNewFile(const std::string& path) = 0;
  // A plain file as memory, never null; of an empty file no bytes.
  virtual Result<std::shared_ptr<const MappedFile>> Map(const std::string& path) const = 0;
  virtual Result<FileInfo> Stat(const std::string& path) const = 0;
  // The path at the end of the symbolic links that begin at this one, whether anything is there or
  // not; the path itself where it is no link.
  virtual Result<std::string> FollowLinks(const std::string& path) const = 0;
  // What the directory holds, sorted by name.
  virtual Result<std::vector<FileInfo>> ListDirectory(const std::string& path) const = 0;
  // With all its parents; fine where it already is.
  virtual Status CreateDirectory(const std::string& path) = 0;
  // Atomic; the parent directory is synced, so that the new name survives a crash.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // A file, or a directory with all that is in it; fine where nothing is. Links are removed, not
  // followed. Refuses "/", "." and "..".
  virtual Status RemoveAll(const std::string& path) = 0;

  virtual int64_t UnixSeconds() const = 0;
  // Never goes back; its zero is arbitrary.
  virtual int64_t MonotonicNanos() const = 0;

  // The real one of this machine.
  static Env& Posix();
};

// "a/b" from "a" and "b"; an absolute or empty side is kept as it is.
std::string JoinPath(std::string_view directory, std::string_view name);
// "a/b" of "a/b/c"; "." where there is no '/'.
std::string ParentPath(std::string_view path);

// What every Env refuses with kInvalidArgument: no path at all, or one with a NUL byte; and for
// RemoveAll also a path that ends in "/" alone, "." or "..".
Status CheckPath(std::string_view path);
Status CheckRemovable(std::string_view path);

// Whether a file may be put there, as far as one can look: kNotFound where its directory is not
// there, kFailedPrecondition where that is a file, or the path is a directory, a device, a pipe or
// a socket. A link is looked at where it leads. For those who would work long before they write.
Status CheckDestination(const Env& env, const std::string& path);

// Writes a ReplacementFile (replacement_file.h): a reader sees the old file or the new one, never a
// part, however many write.
Status WriteFileAtomically(Env& env, const std::string& path, std::string_view bytes);

}  // namespace tandem
