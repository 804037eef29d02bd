#include "tandem/serving/versions/source.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "tandem/base/checksum.h"

namespace tandem::versions {
namespace {

constexpr uint64_t kSmallFileBytes = 64 * 1024;
constexpr int kMaxDepth = 8;  // of directories inside a version

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::optional<int64_t> ParseVersion(std::string_view name) {
  if (name.empty() || name.front() < '0' || name.front() > '9') return std::nullopt;
  if (name.size() > 1 && name.front() == '0') return std::nullopt;
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return version;
}

// Appends a line for each file below `path`, in the sorted order of ListDirectory.
Status Describe(const Env& env, const std::string& path, int depth, std::string& out) {
  if (depth > kMaxDepth) {
    return ResourceExhaustedError(path, ": directories nested deeper than ", kMaxDepth);
  }
  TANDEM_ASSIGN_OR_RETURN(const auto entries, env.ListDirectory(path));
  for (const FileInfo& entry : entries) {
    const std::string file = JoinPath(path, entry.name);
    out += StrCat(file, '\n', entry.bytes, '\n');
    if (!entry.is_directory) out += StrCat(entry.changed_nanos, '\n');
    if (entry.is_directory) {
      TANDEM_RETURN_IF_ERROR(Describe(env, file, depth + 1, out));
    } else if (entry.bytes <= kSmallFileBytes) {
      // A file that has just gone or grown makes another fingerprint next time.
      const auto bytes = env.ReadFile(file, kSmallFileBytes);
      out += bytes.ok() ? ChecksumHex(*bytes) : bytes.status().ToString();
      out += '\n';
    }
  }
  return Status();
}

}  // namespace

DirectorySource::DirectorySource(const Env& env, std::string path)
    : env_(env), path_(WithoutTrailingSlashes(std::move(path))) {}

Result<std::vector<FoundVersion>> DirectorySource::List() const {
  TANDEM_ASSIGN_OR_RETURN(const auto entries, env_.ListDirectory(path_));
  std::vector<FoundVersion> found;
  bool has_files = false;
  for (const FileInfo& entry : entries) {
    has_files |= !entry.is_directory;
    const auto version = ParseVersion(entry.name);
    if (entry.is_directory && version.has_value()) {
      found.push_back({*version, JoinPath(path_, entry.name)});
    }
  }
  if (found.empty() && has_files) {
    const auto own = ParseVersion(std::string_view(path_).substr(path_.rfind('/') + 1));
    if (own.has_value()) found.push_back({*own, path_});
  }
  std::sort(found.begin(), found.end(),
            [](const FoundVersion& a, const FoundVersion& b) { return a.version < b.version; });
  return found;
}

Result<std::string> DirectorySource::Fingerprint(const FoundVersion& found) const {
  std::string description;
  TANDEM_RETURN_IF_ERROR(Describe(env_, found.path, 0, description));
  return ChecksumHex(description);
}

}  // namespace tandem::versions
