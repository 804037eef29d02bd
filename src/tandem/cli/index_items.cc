#include "tandem/cli/index_items.h"

#include <string_view>
#include <utility>
#include <vector>

#include "tandem/bundle/reader.h"
#include "tandem/index/attribute_text.h"

namespace tandem::cli {
namespace {

Result<index::IdMap> ReadIds(const Env& env, const std::string& path, int64_t n) {
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  const std::vector<std::string_view> lines = Lines(text);
  if (static_cast<int64_t>(lines.size()) != n) {
    return InvalidArgumentError(path, ": expected a line for each of ", n, " vectors, got ",
                                lines.size());
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) return InvalidArgumentError(path, ":", i + 1, ": the id is empty");
  }
  auto ids = index::IdMap::Build(lines);
  if (!ids.ok()) return ids.status().WithContext(path);
  return ids;
}

Result<index::IdMap> NumbersFrom(int64_t first, int64_t n) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < n; ++i) names.push_back(std::to_string(first + i));
  return index::IdMap::Build(std::vector<std::string_view>(names.begin(), names.end()));
}

Result<index::AttributeTable> ReadTable(const Env& env, const std::string& path,
                                        const index::IdMap& ids,
                                        const index::AttributeTable* like) {
  if (path.empty()) return index::AttributeTable(ids.size());
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  index::AttributeTextOptions options;
  const bool is_csv = path.size() >= 4 && path.substr(path.size() - 4) == ".csv";
  options.delimiter = is_csv ? ',' : '\t';
  options.like = like;
  options.row_of = [&ids](std::string_view id) { return ids.Find(id); };
  auto table = index::ReadAttributes(text, ids.size(), options);
  if (!table.ok()) return table.status().WithContext(path);
  return table;
}

Result<index::IndexItems> FromBundle(const Env& env, const ItemSource& source) {
  const std::pair<const char*, bool> flags[] = {{"--ids", !source.ids.empty()},
                                                {"--attributes", !source.attributes.empty()},
                                                {"--tensor", !source.vectors.tensor.empty()}};
  for (const auto& [flag, is_given] : flags) {
    if (is_given) {
      return InvalidArgumentError(flag, " is for vectors of a file; ", source.vectors.path,
                                  " is a bundle, which has ids and attributes of its own");
    }
  }
  TANDEM_ASSIGN_OR_RETURN(const auto bundle, bundle::Open(env, source.vectors.path));
  const int64_t expected = source.vectors.dimension;
  if (expected > 0 && bundle->dimension() != expected) {
    return InvalidArgumentError(source.vectors.path, ": expected vectors of dimension ", expected,
                                ", got ", bundle->dimension());
  }
  const std::vector<std::string>& tokens = bundle->items.ids.tokens();
  auto ids = index::IdMap::Build(std::vector<std::string_view>(tokens.begin(), tokens.end()));
  if (!ids.ok()) return ids.status().WithContext(source.vectors.path);
  return index::IndexItems{.dimension = bundle->dimension(),
                           .vectors = bundle->items.embeddings,
                           .owner = bundle,
                           .ids = *std::move(ids),
                           .attributes = bundle->attributes};
}

// `into`: null where the items are an index of their own.
Result<index::IndexItems> Read(const Env& env, const ItemSource& source,
                               const index::IndexFile* into) {
  if (IsBundle(env, source.vectors.path)) return FromBundle(env, source);
  TANDEM_ASSIGN_OR_RETURN(const Vectors vectors, ReadVectors(env, source.vectors));
  index::IdMap ids = index::IdMap::Identity(vectors.n);
  if (!source.ids.empty()) {
    TANDEM_ASSIGN_OR_RETURN(ids, ReadIds(env, source.ids, vectors.n));
  } else if (into != nullptr) {
    TANDEM_ASSIGN_OR_RETURN(ids, NumbersFrom(into->ids.size(), vectors.n));
  }
  TANDEM_ASSIGN_OR_RETURN(
      index::AttributeTable attributes,
      ReadTable(env, source.attributes, ids, into != nullptr ? &into->attributes : nullptr));
  return index::IndexItems{.dimension = vectors.d,
                           .vectors = vectors.values,
                           .owner = vectors.owner,
                           .ids = std::move(ids),
                           .attributes = std::move(attributes)};
}

}  // namespace

bool IsBundle(const Env& env, const std::string& path) {
  const Result<FileInfo> info = env.Stat(path);
  return info.ok() && info->is_directory;
}

Result<index::IndexItems> ReadItems(const Env& env, const ItemSource& source) {
  return Read(env, source, nullptr);
}

Result<index::IndexItems> ReadItemsFor(const Env& env, const ItemSource& source,
                                       const index::IndexFile& index) {
  if (source.ids.empty() && !index.ids.is_identity() && !IsBundle(env, source.vectors.path)) {
    return InvalidArgumentError(index.file->path(), ": has ids that are no row numbers; say those ",
                                "of ", source.vectors.path, " by --ids");
  }
  ItemSource same = source;
  same.vectors.dimension = index.index->dimension();
  return Read(env, same, &index);
}

}  // namespace tandem::cli
