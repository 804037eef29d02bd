#include "tandem/recommend/recommender.h"

#include <algorithm>
#include <utility>

#include "tandem/bundle/query.h"
#include "tandem/index/filter.h"

namespace tandem::recommend {
namespace {

Status CheckCount(int n) {
  if (n >= 1 && n <= kMaxResults) return {};
  return InvalidArgumentError("n is ", n, ", expected 1 to ", kMaxResults);
}

}  // namespace

Result<AllowedItems> FilterItems(const bundle::Bundle& bundle, std::string_view filter) {
  if (filter.empty()) return AllowedItems();
  TANDEM_ASSIGN_OR_RETURN(index::Bitmap rows, index::EvaluateFilter(filter, bundle.attributes));
  return AllowedItems(std::move(rows));
}

Result<std::vector<Recommendation>> TopItems(const bundle::Bundle& bundle,
                                             std::span<const float> embedding,
                                             std::span<const int32_t> seen, int n,
                                             const AllowedItems& allowed) {
  TANDEM_RETURN_IF_ERROR(CheckCount(n));
  if (static_cast<int64_t>(embedding.size()) != bundle.dimension()) {
    return InvalidArgumentError("the query embedding has ", embedding.size(), " numbers, expected ",
                                bundle.dimension());
  }
  const std::span<const int32_t> exclude[] = {seen};
  std::vector<int32_t> ids(static_cast<size_t>(n));
  std::vector<float> scores(static_cast<size_t>(n));
  index::SearchOptions options;
  options.k = n;
  options.exclude = exclude;
  options.filter = allowed.has_value() ? &*allowed : nullptr;
  TANDEM_RETURN_IF_ERROR(bundle.index->Search(embedding, options, ids, scores));
  std::vector<Recommendation> items;
  items.reserve(ids.size());
  for (size_t i = 0; i < ids.size() && ids[i] >= 0; ++i) {
    items.push_back({.item = ids[i], .score = scores[i]});
  }
  return items;
}

Result<std::vector<Recommendation>> PopularItems(const bundle::Bundle& bundle,
                                                 std::span<const int32_t> seen, int n,
                                                 const AllowedItems& allowed) {
  TANDEM_RETURN_IF_ERROR(CheckCount(n));
  std::vector<Recommendation> items;
  for (const int32_t row : bundle.items.by_popularity) {
    if (items.size() == static_cast<size_t>(n)) break;
    if (std::binary_search(seen.begin(), seen.end(), row)) continue;
    if (allowed.has_value() && !allowed->Contains(row)) continue;
    const auto count = static_cast<float>(bundle.items.popularity[static_cast<size_t>(row)]);
    items.push_back({.item = row, .score = count});
  }
  return items;
}

Result<std::vector<Recommendation>> Recommend(const bundle::Bundle& bundle,
                                              std::string_view user_id, int n, SeenItems seen,
                                              const AllowedItems& allowed) {
  if (bundle.UserRow(user_id) < 0) return PopularItems(bundle, {}, n, allowed);
  const std::span<const int32_t> left_out =
      seen == SeenItems::kExclude ? SeenBy(bundle, user_id) : std::span<const int32_t>();
  return TopItems(bundle, bundle::UserEmbedding(bundle, user_id), left_out, n, allowed);
}

std::span<const int32_t> SeenBy(const bundle::Bundle& bundle, std::string_view user_id) {
  const int32_t row = bundle.UserRow(user_id);
  return row < 0 ? std::span<const int32_t>() : bundle.users.history[row];
}

}  // namespace tandem::recommend
