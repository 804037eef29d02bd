#include "tandem/bundle/writer.h"

#include <algorithm>

#include "tandem/base/checksum.h"
#include "tandem/bundle/layout.h"
#include "tandem/bundle/manifest.h"
#include "tandem/bundle/reader.h"
#include "tandem/format/safetensors.h"

namespace tandem::bundle {
namespace {

using Extents = std::vector<int64_t>;

template <typename T>
int64_t Length(const std::vector<T>& values) {
  return static_cast<int64_t>(values.size());
}

using Arrays = std::vector<format::NamedTensor>;

void AddLists(const std::string& name, const RowLists& lists, Arrays& file) {
  const std::vector<int64_t> values(lists.values.begin(), lists.values.end());
  file.push_back(
      format::MakeInt64s(name + ".offsets", Extents{Length(lists.offsets)}, lists.offsets));
  file.push_back(format::MakeInt64s(name + ".values", Extents{Length(values)}, values));
}

Result<std::string> ModelFile(const Bundle& bundle) {
  Arrays file;
  for (const nn::Parameter* parameter : bundle.model->Parameters()) {
    file.push_back(format::MakeFloats(
        parameter->name(),
        Extents{static_cast<int64_t>(parameter->rows()), static_cast<int64_t>(parameter->cols())},
        parameter->value().values()));
  }
  return format::WriteSafetensors(file);
}

Result<std::string> ItemsFile(const Bundle& bundle) {
  const Items& items = bundle.items;
  Arrays file;
  file.push_back(format::MakeFloats("embedding", Extents{items.ids.size(), bundle.dimension()},
                                    items.embeddings));
  file.push_back(
      format::MakeInt64s("popularity", Extents{Length(items.popularity)}, items.popularity));
  format::AddStrings("title", items.titles, file);
  AddLists("category", items.category_lists, file);
  return format::WriteSafetensors(file);
}

Result<std::string> UsersFile(const Bundle& bundle) {
  const Users& users = bundle.users;
  Arrays file;
  file.push_back(format::MakeFloats("embedding", Extents{users.ids.size(), bundle.dimension()},
                                    users.embeddings));
  file.push_back(format::MakeFloats("unknown", Extents{bundle.dimension()}, users.unknown));
  AddLists("history", users.history, file);
  return format::WriteSafetensors(file);
}

Result<std::string> GoldenFile(const Bundle& bundle) {
  std::string lines;
  for (const GoldenSample& sample : bundle.golden) {
    TANDEM_ASSIGN_OR_RETURN(const std::string line, GoldenLine(sample));
    lines += line + '\n';
  }
  return lines;
}

std::string TemporaryOf(const std::string& version_path) {
  return StrCat(version_path, kTemporary);
}

// Writes the files of one version into a directory and keeps their checksums.
class VersionWriter {
 public:
  VersionWriter(Env& env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  Status Add(const std::string& name, Result<std::string> bytes) {
    if (!bytes.ok()) return bytes.status().WithContext(name);
    TANDEM_RETURN_IF_ERROR(env_.WriteFile(JoinPath(directory_, name), *bytes));
    files_.push_back({name, static_cast<int64_t>(bytes->size()), ChecksumHex(*bytes)});
    return {};
  }

  Status Finish(const Bundle& bundle) {
    TANDEM_ASSIGN_OR_RETURN(const std::string text, ManifestText({.config = bundle.config,
                                                                  .sizes = bundle.model->sizes(),
                                                                  .signature = bundle.signature,
                                                                  .provenance = bundle.provenance,
                                                                  .files = files_}));
    TANDEM_RETURN_IF_ERROR(env_.WriteFile(JoinPath(directory_, kManifest), text));
    return env_.WriteFile(JoinPath(directory_, kManifestChecksum), ChecksumHex(text) + '\n');
  }

 private:
  Env& env_;
  std::string directory_;
  std::vector<FileEntry> files_;
};

Status WriteFiles(Env& env, const std::string& directory, const Bundle& bundle) {
  TANDEM_RETURN_IF_ERROR(env.CreateDirectory(JoinPath(directory, "vocabulary")));
  VersionWriter writer(env, directory);
  TANDEM_RETURN_IF_ERROR(writer.Add(kModel, ModelFile(bundle)));
  TANDEM_RETURN_IF_ERROR(writer.Add(kItems, ItemsFile(bundle)));
  TANDEM_RETURN_IF_ERROR(writer.Add(kUsers, UsersFile(bundle)));
  TANDEM_RETURN_IF_ERROR(writer.Add(kUserVocabulary, bundle.users.ids.ToText()));
  TANDEM_RETURN_IF_ERROR(writer.Add(kItemVocabulary, bundle.items.ids.ToText()));
  TANDEM_RETURN_IF_ERROR(writer.Add(kCategoryVocabulary, bundle.items.categories.ToText()));
  TANDEM_RETURN_IF_ERROR(writer.Add(kGolden, GoldenFile(bundle)));
  return writer.Finish(bundle);
}

}  // namespace

Result<int64_t> WriteNextVersion(Env& env, const std::string& base_path, const Bundle& bundle) {
  TANDEM_RETURN_IF_ERROR(env.CreateDirectory(base_path));
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, ListVersions(env, base_path));
  const int64_t version = versions.empty() ? 1 : versions.back() + 1;
  const std::string final_path = JoinPath(base_path, std::to_string(version));
  const std::string temporary = TemporaryOf(final_path);
  TANDEM_RETURN_IF_ERROR(env.RemoveAll(temporary));
  Status status = WriteFiles(env, temporary, bundle);
  if (status.ok()) status = env.Rename(temporary, final_path);
  if (status.ok()) return version;
  // A part that cannot be removed either is in nobody's way: readers never look at it.
  const Status removed = env.RemoveAll(temporary);
  return removed.ok() ? status : status.WithContext(removed.message());
}

Result<int64_t> RemoveOldVersions(Env& env, const std::string& base_path, int64_t keep) {
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> versions, ListVersions(env, base_path));
  if (versions.empty()) return 0;
  const auto path_of = [&](int64_t version) {
    return JoinPath(base_path, std::to_string(version));
  };
  TANDEM_RETURN_IF_ERROR(OpenVersion(env, path_of(versions.back())).status());
  const int64_t old = std::max<int64_t>(static_cast<int64_t>(versions.size()) - keep, 0);
  for (int64_t i = 0; i < old; ++i) {
    const std::string path = path_of(versions[static_cast<size_t>(i)]);
    TANDEM_RETURN_IF_ERROR(env.RemoveAll(TemporaryOf(path)));
    TANDEM_RETURN_IF_ERROR(env.Rename(path, TemporaryOf(path)));
  }
  // Those of this call and of earlier ones that were cut short; a later number is being written.
  TANDEM_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, env.ListDirectory(base_path));
  for (const FileInfo& entry : entries) {
    const std::string_view name = entry.name;
    if (!name.ends_with(kTemporary)) continue;
    const int64_t version = VersionOf(name.substr(0, name.size() - kTemporary.size()));
    if (version == 0 || version > versions.back()) continue;
    TANDEM_RETURN_IF_ERROR(env.RemoveAll(JoinPath(base_path, name)));
  }
  return old;
}

Status CheckWritable(Env& env, const std::string& base_path) {
  std::string nearest = base_path;
  Result<FileInfo> info = env.Stat(nearest);
  while (info.status().code() == StatusCode::kNotFound && ParentPath(nearest) != nearest) {
    nearest = ParentPath(nearest);
    info = env.Stat(nearest);
  }
  if (!info.ok()) return info.status();
  if (!info->is_directory) {
    return FailedPreconditionError(nearest, " is a file; expected a directory for bundles");
  }
  const std::string probe = JoinPath(nearest, ".tandem-write-check");
  const Status written = env.WriteFile(probe, "");
  const Status removed = env.RemoveAll(probe);
  return (written.ok() ? removed : written)
      .WithContext(StrCat("no bundle can be written to ", base_path));
}

}  // namespace tandem::bundle
