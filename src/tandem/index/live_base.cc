#include "tandem/index/live_base.h"

#include <utility>
#include <vector>

#include "tandem/index/exact_index.h"
#include "tandem/index/ivf_index.h"

namespace tandem::index {

BuildItemIndex BuilderLike(const IndexFile& file) {
  using Built = Result<std::unique_ptr<ItemIndex>>;
  if (file.ivf != nullptr) {
    IvfOptions options;
    options.metric = file.metric;
    options.target_recall = file.ivf->target_recall();
    return [options](std::span<const float> rows, int64_t n, int64_t d) -> Built {
      TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ItemIndex> index,
                              IvfIndex::Create(rows, n, d, options));
      return index;
    };
  }
  const ExactOptions options = {.metric = file.metric, .rows = file.exact->row_format()};
  return [options](std::span<const float> rows, int64_t n, int64_t d) -> Built {
    TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ItemIndex> index,
                            ExactIndex::Create(rows, n, d, options));
    return index;
  };
}

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
  if (n > 0 && build != nullptr) {
    TANDEM_ASSIGN_OR_RETURN(index, build(vectors, n, static_cast<int64_t>(d)));
  } else {
    TANDEM_ASSIGN_OR_RETURN(
        index, ExactIndex::Create(vectors, n, static_cast<int64_t>(d), {.metric = metric}));
  }
  return std::shared_ptr<const LiveBase>(
      new LiveBase(std::move(map), std::move(attributes), metric, std::move(index)));
}

Result<std::shared_ptr<const LiveBase>> LiveBase::Open(const IndexFile& file,
                                                       std::span<const AttributeField> attributes) {
  AttributeTable table = file.attributes;
  TANDEM_RETURN_IF_ERROR(AddMissingColumns(attributes, table));
  return std::shared_ptr<const LiveBase>(
      new LiveBase(file.ids, std::move(table), file.metric, file.index));
}

Status LiveBase::Write(Env& env, const std::string& path) const {
  const auto* const exact = dynamic_cast<const ExactIndex*>(index_.get());
  if (exact != nullptr && exact->metric() == metric_) {
    return WriteIndexFile(env, path, *exact, ids_, attributes_);
  }
  const auto* const ivf = dynamic_cast<const IvfIndex*>(index_.get());
  if (ivf != nullptr && ivf->metric() == metric_) {
    return WriteIndexFile(env, path, *ivf, ids_, attributes_);
  }
  return UnimplementedError(path, ": only an ExactIndex or an IvfIndex of the metric ",
                            MetricName(metric_), " can be saved; LiveOptions::build made another");
}

}  // namespace tandem::index
