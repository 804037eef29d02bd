#include "tandem/index/index_file.h"

#include <utility>

#include "tandem/index/attribute_snapshot.h"

namespace tandem::index {
namespace {

constexpr std::string_view kEngine = "engine";
constexpr std::string_view kExact = "exact";
constexpr std::string_view kIvf = "ivf";

template <typename Index>
Status Write(Env& env, const std::string& path, std::string_view engine, const Index& index,
             const IdMap& ids, const AttributeTable& attributes) {
  if (ids.size() != index.size() || attributes.size() != index.size()) {
    return InvalidArgumentError(path, ": expected ids and attributes of ", index.size(),
                                " rows, got ", ids.size(), " and ", attributes.size());
  }
  TANDEM_ASSIGN_OR_RETURN(const auto writer, SnapshotWriter::Create(env, path));
  TANDEM_RETURN_IF_ERROR(writer->template Add<char>(kEngine, engine));
  TANDEM_RETURN_IF_ERROR(index.Write(*writer));
  TANDEM_RETURN_IF_ERROR(ids.Write(*writer));
  TANDEM_RETURN_IF_ERROR(WriteAttributes(attributes, *writer));
  return writer->Finish();
}

}  // namespace

Result<IndexFile> OpenIndexFile(const Env& env, const std::string& path) {
  TANDEM_ASSIGN_OR_RETURN(auto file, SnapshotFile::Open(env, path));
  TANDEM_ASSIGN_OR_RETURN(const std::span<const char> name, file->Section<char>(kEngine));
  const std::string engine(name.begin(), name.end());
  Metric metric = Metric::kDot;
  std::shared_ptr<const ItemIndex> index;
  std::shared_ptr<const ExactIndex> exact;
  std::shared_ptr<const IvfIndex> ivf;
  if (engine == kExact) {
    TANDEM_ASSIGN_OR_RETURN(exact, ExactIndex::Open(file));
    metric = exact->metric();
    index = exact;
  } else if (engine == kIvf) {
    TANDEM_ASSIGN_OR_RETURN(ivf, IvfIndex::Open(file));
    metric = ivf->metric();
    index = ivf;
  } else {
    return FailedPreconditionError(path, ": has the engine '", engine.substr(0, 32),
                                   "', this program knows ", kExact, " and ", kIvf,
                                   "; use the program that wrote it");
  }
  TANDEM_ASSIGN_OR_RETURN(IdMap ids, IdMap::Open(file, index->size()));
  TANDEM_ASSIGN_OR_RETURN(AttributeTable attributes, OpenAttributes(file, index->size()));
  return IndexFile{.file = std::move(file),
                   .engine = engine,
                   .metric = metric,
                   .index = std::move(index),
                   .exact = std::move(exact),
                   .ivf = std::move(ivf),
                   .ids = std::move(ids),
                   .attributes = std::move(attributes)};
}

Status WriteIndexFile(Env& env, const std::string& path, const ExactIndex& index, const IdMap& ids,
                      const AttributeTable& attributes) {
  return Write(env, path, kExact, index, ids, attributes);
}

Status WriteIndexFile(Env& env, const std::string& path, const IvfIndex& index, const IdMap& ids,
                      const AttributeTable& attributes) {
  return Write(env, path, kIvf, index, ids, attributes);
}

Status WriteIndexFile(Env& env, const std::string& path, const EngineChoice& engine,
                      const IdMap& ids, const AttributeTable& attributes) {
  return engine.exact != nullptr ? WriteIndexFile(env, path, *engine.exact, ids, attributes)
                                 : WriteIndexFile(env, path, *engine.ivf, ids, attributes);
}

}  // namespace tandem::index
