#include "tandem/index/live_base.h"

#include <utility>
#include <vector>

#include "tandem/index/attribute_snapshot.h"

namespace tandem::index {

Result<std::shared_ptr<const LiveBase>> LiveBase::Create(std::span<const std::string> ids,
                                                         std::span<const float> vectors, size_t d,
                                                         AttributeTable attributes, Metric metric,
                                                         const BuildItemIndex& build) {
  const auto n = static_cast<int64_t>(ids.size());
  IdMap map = IdMap::Identity(0);
  if (n > 0) {
    const std::vector<std::string_view> views(ids.begin(), ids.end());
    TANDEM_ASSIGN_OR_RETURN(map, IdMap::Build(views));
  }
  std::unique_ptr<const ItemIndex> index;
  const ExactIndex* exact = nullptr;
  if (n > 0 && build != nullptr) {
    TANDEM_ASSIGN_OR_RETURN(index, build(vectors, n, static_cast<int64_t>(d)));
  } else {
    TANDEM_ASSIGN_OR_RETURN(
        auto built, ExactIndex::Create(vectors, n, static_cast<int64_t>(d), {.metric = metric}));
    exact = built.get();
    index = std::move(built);
  }
  return std::shared_ptr<const LiveBase>(
      new LiveBase(std::move(map), std::move(attributes), std::move(index), exact));
}

Result<std::shared_ptr<const LiveBase>> LiveBase::Open(std::shared_ptr<const SnapshotFile> file,
                                                       std::span<const AttributeField> attributes) {
  TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ExactIndex> index, ExactIndex::Open(file));
  TANDEM_ASSIGN_OR_RETURN(AttributeTable table, OpenAttributes(file, index->size()));
  TANDEM_RETURN_IF_ERROR(AddMissingColumns(attributes, table));
  TANDEM_ASSIGN_OR_RETURN(IdMap ids, IdMap::Open(std::move(file), index->size()));
  const ExactIndex* const exact = index.get();
  return std::shared_ptr<const LiveBase>(
      new LiveBase(std::move(ids), std::move(table), std::move(index), exact));
}

Status LiveBase::Write(SnapshotWriter& writer) const {
  if (exact_ == nullptr) {
    return UnimplementedError(
        "only an exact index can be saved; this one is made by LiveOptions::build");
  }
  TANDEM_RETURN_IF_ERROR(exact_->Write(writer));
  TANDEM_RETURN_IF_ERROR(ids_.Write(writer));
  return WriteAttributes(attributes_, writer);
}

}  // namespace tandem::index
