#include "tandem/bundle/query.h"

#include <algorithm>

#include "tandem/base/parallel.h"

namespace tandem::bundle {
namespace {

std::vector<float> Copy(nn::Var value) { return {value.values().begin(), value.values().end()}; }

// Categories of one item row, as EncodeItems takes them.
struct OneItem {
  int32_t row;
  int64_t offsets[2];
  std::span<const int32_t> categories;

  OneItem(const Bundle& bundle, int32_t item) : row(item), offsets{0, 0} {
    if (item >= 0) categories = bundle.items.category_lists[item];
    offsets[1] = static_cast<int64_t>(categories.size());
  }
};

// What the rating head needs of a block of pairs: each pair brings its own query and item.
struct PairBlock {
  std::vector<int64_t> history_offsets = {0};
  std::vector<int32_t> history;
  std::vector<int64_t> category_offsets = {0};
  std::vector<int32_t> categories;
  std::vector<float> queries;
  std::vector<int32_t> places;

  void Add(const Bundle& bundle, int32_t user, int32_t item) {
    const std::span<const int32_t> seen =
        user < 0 ? std::span<const int32_t>() : bundle.users.history[user];
    history.insert(history.end(), seen.begin(), seen.end());
    history_offsets.push_back(static_cast<int64_t>(history.size()));
    const OneItem one(bundle, item);
    categories.insert(categories.end(), one.categories.begin(), one.categories.end());
    category_offsets.push_back(static_cast<int64_t>(categories.size()));
    const auto d = static_cast<size_t>(bundle.dimension());
    const std::span<const float> query =
        user < 0 ? std::span<const float>(bundle.users.unknown)
                 : std::span(bundle.users.embeddings).subspan(static_cast<size_t>(user) * d, d);
    queries.insert(queries.end(), query.begin(), query.end());
    places.push_back(static_cast<int32_t>(places.size()));
  }
};

}  // namespace

bool TakesHistory(const Bundle& bundle) {
  return bundle.config.query == model::QueryFeature::kHistory;
}

std::span<const float> UserEmbedding(const Bundle& bundle, std::string_view user_id) {
  const int32_t row = bundle.UserRow(user_id);
  if (row < 0) return bundle.users.unknown;
  const auto d = static_cast<size_t>(bundle.dimension());
  return std::span(bundle.users.embeddings).subspan(static_cast<size_t>(row) * d, d);
}

Result<std::vector<float>> EncodeHistory(const Bundle& bundle, std::span<const int32_t> item_rows) {
  if (!TakesHistory(bundle)) {
    return FailedPreconditionError(
        "the query tower of this bundle knows users by id only; "
        "a history cannot be encoded");
  }
  if (item_rows.empty()) return bundle.users.unknown;
  Workers workers(1);
  nn::Tape tape(workers);
  const int32_t user = -1;
  const int64_t offsets[] = {0, static_cast<int64_t>(item_rows.size())};
  return Copy(bundle.model->EncodeQueries(
      tape, {.users = {&user, 1}, .history_offsets = offsets, .history = item_rows}));
}

Result<std::vector<float>> PredictRatings(const Bundle& bundle, std::span<const int32_t> user_rows,
                                          std::span<const int32_t> item_rows) {
  if (bundle.config.rating == model::RatingHead::kNone) {
    return FailedPreconditionError("the model of this bundle has no rating head");
  }
  if (user_rows.size() != item_rows.size()) {
    return InvalidArgumentError("got ", user_rows.size(), " users and ", item_rows.size(),
                                " items, expected pairs");
  }
  constexpr size_t kBlock = 1024;  // bounds the memory of histories that repeat for each pair
  const auto d = static_cast<size_t>(bundle.dimension());
  Workers workers(1);
  nn::Tape tape(workers);
  std::vector<float> ratings;
  ratings.reserve(user_rows.size());
  for (size_t begin = 0; begin < user_rows.size(); begin += kBlock) {
    const size_t n = std::min(kBlock, user_rows.size() - begin);
    PairBlock block;
    for (size_t i = begin; i < begin + n; ++i) block.Add(bundle, user_rows[i], item_rows[i]);
    tape.Reset();
    const model::QueryInput query{.users = user_rows.subspan(begin, n),
                                  .history_offsets = block.history_offsets,
                                  .history = block.history};
    const model::ItemInput item{.items = item_rows.subspan(begin, n),
                                .category_offsets = block.category_offsets,
                                .categories = block.categories};
    const model::Ratings answer = bundle.model->PredictRatings(
        tape, nn::Constant(tape, block.queries, n, d), bundle.model->EncodeItems(tape, item), query,
        item, {.query_of = block.places, .item_of = block.places});
    const std::span<const float> values = answer.prediction.values();
    ratings.insert(ratings.end(), values.begin(), values.end());
  }
  return ratings;
}

}  // namespace tandem::bundle
