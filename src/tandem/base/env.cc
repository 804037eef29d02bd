#include "tandem/base/env.h"

#include <memory>

#include "tandem/base/replacement_file.h"

namespace tandem {

std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty() || (!name.empty() && name.front() == '/')) return std::string(name);
  if (name.empty()) return std::string(directory);
  return StrCat(directory, directory.back() == '/' ? "" : "/", name);
}

std::string ParentPath(std::string_view path) {
  const auto strip_slashes = [](std::string_view text) {
    while (text.size() > 1 && text.back() == '/') text.remove_suffix(1);
    return text;
  };
  path = strip_slashes(path);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(strip_slashes(path.substr(0, slash + 1)));
}

Status CheckPath(std::string_view path) {
  if (path.empty()) return InvalidArgumentError("a path is empty");
  if (path.find('\0') != std::string_view::npos) {
    return InvalidArgumentError("a path holds a NUL byte after '", path.substr(0, path.find('\0')),
                                "'");
  }
  return Status();
}

Status CheckRemovable(std::string_view path) {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const size_t end = path.find_last_not_of('/');
  if (end == std::string_view::npos) return InvalidArgumentError("will not remove '", path, "'");
  const size_t slash = path.find_last_of('/', end);
  const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  const std::string_view name = path.substr(begin, end + 1 - begin);
  if (name == "." || name == "..") return InvalidArgumentError("will not remove '", path, "'");
  return Status();
}

Status CheckDestination(const Env& env, const std::string& path) {
  TANDEM_RETURN_IF_ERROR(CheckPath(path));
  const Result<FileInfo> there = env.Stat(path);
  if (path.back() == '/' || (there.ok() && there->is_directory)) {
    return FailedPreconditionError("write '", path, "': is a directory, expected a file's path");
  }
  if (there.ok() && there->is_special) {
    return FailedPreconditionError("write '", path, "': is a device, pipe or socket, which a file ",
                                   "would take the place of; expected a file's path");
  }
  TANDEM_ASSIGN_OR_RETURN(const std::string target, env.FollowLinks(path));
  const std::string parent = ParentPath(target);
  const Result<FileInfo> directory = env.Stat(parent);
  if (directory.status().code() == StatusCode::kNotFound) {
    return NotFoundError("write '", path, "': there is no directory '", parent, "'");
  }
  if (directory.ok() && !directory->is_directory) {
    return FailedPreconditionError("write '", path, "': '", parent, "' is not a directory");
  }
  return Status();  // what cannot be looked at may yet be written to
}

Status WriteFileAtomically(Env& env, const std::string& path, std::string_view bytes) {
  TANDEM_ASSIGN_OR_RETURN(const std::unique_ptr<ReplacementFile> file,
                          ReplacementFile::Create(env, path));
  TANDEM_RETURN_IF_ERROR(file->Append(bytes));
  return file->Commit();
}

}  // namespace tandem
