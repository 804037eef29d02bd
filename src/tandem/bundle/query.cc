#include "tandem/bundle/query.h"

#include <algorithm>
#include <numeric>

#include "tandem/base/parallel.h"

namespace tandem::bundle {
namespace {

std::vector<float> Copy(nn::Var value) { return {value.values().begin(), value.values().end()}; }

std::vector<float> RunQueryTower(const Bundle& bundle, int32_t user,
                                 std::span<const int32_t> history) {
  Workers workers(1);
  nn::Tape tape(workers);
  const int64_t offsets[] = {0, static_cast<int64_t>(history.size())};
  return Copy(bundle.model->EncodeQueries(
      tape, {.users = {&user, 1}, .history_offsets = offsets, .history = history}));
}

// What the rating head needs of a block of pairs: each user once, each pair's own item.
class PairBlock {
 public:
  explicit PairBlock(const Bundle& bundle) : bundle_(bundle) {}

  void Add(int32_t user, int32_t item) {
    if (users_.empty() || users_.back() != user) AddUser(user);
    query_of_.push_back(static_cast<int32_t>(users_.size()) - 1);
    item_of_.push_back(static_cast<int32_t>(items_.size()));
    items_.push_back(item);
    if (item >= 0) Append(bundle_.items.category_lists[item], categories_);
    category_offsets_.push_back(static_cast<int64_t>(categories_.size()));
  }

  nn::Var Predict(nn::Tape& tape) const {
    const auto d = static_cast<size_t>(bundle_.dimension());
    const model::QueryInput query{
        .users = users_, .history_offsets = history_offsets_, .history = history_};
    const model::ItemInput item{
        .items = items_, .category_offsets = category_offsets_, .categories = categories_};
    return bundle_.model
        ->PredictRatings(tape, nn::Constant(tape, queries_, users_.size(), d),
                         bundle_.model->EncodeItems(tape, item), query, item,
                         {.query_of = query_of_, .item_of = item_of_})
        .prediction;
  }

 private:
  template <typename T>
  static void Append(std::span<const T> values, std::vector<T>& to) {
    to.insert(to.end(), values.begin(), values.end());
  }

  void AddUser(int32_t user) {
    users_.push_back(user);
    if (user >= 0) Append(bundle_.users.history[user], history_);
    history_offsets_.push_back(static_cast<int64_t>(history_.size()));
    Append(EmbeddingOfRow(bundle_, user), queries_);
  }

  const Bundle& bundle_;
  std::vector<int32_t> users_;
  std::vector<int64_t> history_offsets_ = {0};
  std::vector<int32_t> history_;
  std::vector<float> queries_;
  std::vector<int32_t> items_;
  std::vector<int64_t> category_offsets_ = {0};
  std::vector<int32_t> categories_;
  std::vector<int32_t> query_of_;
  std::vector<int32_t> item_of_;
};

// [n] the numbers of pairs, those of a user together, else in the order given.
std::vector<size_t> OrderByUser(std::span<const int32_t> user_rows) {
  std::vector<size_t> order(user_rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return user_rows[a] < user_rows[b]; });
  return order;
}

}  // namespace

bool TakesHistory(const Bundle& bundle) {
  return bundle.config.query == model::QueryFeature::kHistory;
}

std::span<const float> UserEmbedding(const Bundle& bundle, std::string_view user_id) {
  return EmbeddingOfRow(bundle, bundle.UserRow(user_id));
}

std::span<const float> EmbeddingOfRow(const Bundle& bundle, int32_t user_row) {
  if (user_row < 0) return bundle.users.unknown;
  const auto d = static_cast<size_t>(bundle.dimension());
  return std::span(bundle.users.embeddings).subspan(static_cast<size_t>(user_row) * d, d);
}

std::vector<float> EncodeUser(const Bundle& bundle, int32_t user_row) {
  return RunQueryTower(bundle, user_row,
                       user_row < 0 ? std::span<const int32_t>() : bundle.users.history[user_row]);
}

std::vector<float> EncodeItem(const Bundle& bundle, int32_t item_row) {
  Workers workers(1);
  nn::Tape tape(workers);
  const std::span<const int32_t> categories =
      item_row < 0 ? std::span<const int32_t>() : bundle.items.category_lists[item_row];
  const int64_t offsets[] = {0, static_cast<int64_t>(categories.size())};
  return Copy(bundle.model->EncodeItems(
      tape, {.items = {&item_row, 1}, .category_offsets = offsets, .categories = categories}));
}

Result<std::vector<float>> EncodeHistory(const Bundle& bundle, std::span<const int32_t> item_rows) {
  if (!TakesHistory(bundle)) {
    return FailedPreconditionError(
        "the query tower of this bundle knows users by id only; "
        "a history cannot be encoded");
  }
  if (item_rows.empty()) return bundle.users.unknown;
  return RunQueryTower(bundle, -1, item_rows);
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
  constexpr size_t kBlock = 1024;  // bounds the memory of histories and hidden layers
  const std::vector<size_t> order = OrderByUser(user_rows);
  Workers workers(1);
  nn::Tape tape(workers);
  std::vector<float> ratings(order.size());
  for (size_t begin = 0; begin < order.size(); begin += kBlock) {
    const std::span<const size_t> pairs =
        std::span(order).subspan(begin, std::min(kBlock, order.size() - begin));
    PairBlock block(bundle);
    for (const size_t pair : pairs) block.Add(user_rows[pair], item_rows[pair]);
    tape.Reset();
    const std::span<const float> values = block.Predict(tape).values();
    for (size_t i = 0; i < pairs.size(); ++i) ratings[pairs[i]] = values[i];
  }
  return ratings;
}

}  // namespace tandem::bundle
