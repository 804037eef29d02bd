#include "tandem/index/inner_space_snapshot.h"

#include <string_view>
#include <vector>

namespace tandem::index {
namespace {

constexpr std::string_view kSection = "l2.space";  // the centre, then the height

}  // namespace

Status WriteInnerSpace(const InnerSpace& space, SnapshotWriter& writer) {
  if (space.metric != Metric::kL2) return {};
  std::vector<float> numbers(space.centre.begin(), space.centre.end());
  numbers.push_back(space.height);
  return writer.Add<float>(kSection, numbers);
}

Result<InnerSpace> ReadInnerSpace(const SnapshotFile& file, Metric metric, size_t dimension) {
  if (metric != Metric::kL2) return InnerSpace{.metric = metric};
  TANDEM_ASSIGN_OR_RETURN(const std::span<const float> numbers,
                          file.Section<float>(kSection, dimension + 1));
  TANDEM_RETURN_IF_ERROR(file.CheckFinite(kSection, numbers));
  if (numbers.back() <= 0) return file.Damaged(kSection, "the height is ", numbers.back());
  return InnerSpace{metric, numbers.first(dimension), numbers.back()};
}

}  // namespace tandem::index
