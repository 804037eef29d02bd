#include "tandem/model/two_tower.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::model {
namespace {

size_t TableRows(int64_t known) { return static_cast<size_t>(known) + 1; }

// Table rows of rows: one more, so that -1 becomes the unknown row 0.
std::span<const int32_t> TableIds(nn::Tape& tape, std::span<const int32_t> rows) {
  const std::span<int32_t> ids = tape.Scratch<int32_t>(rows.size());
  std::transform(rows.begin(), rows.end(), ids.begin(), [](int32_t row) { return row + 1; });
  return ids;
}

nn::Initializer EmbeddingInitializer(EmbeddingInit init) {
  constexpr float kScale = 0.05F;
  return init == EmbeddingInit::kNormal ? nn::Initializer::Normal(kScale)
                                        : nn::Initializer::Uniform(kScale);
}

// An unknown user or item has nothing of its own to add.
void ClearUnknownRow(nn::EmbeddingTable& embedding) {
  const std::span<float> row = embedding.table.value().row(0);
  std::fill(row.begin(), row.end(), 0.0F);
}

nn::Var Ones(nn::Tape& tape, size_t rows) {
  const std::span<float> ones = tape.Scratch(rows);
  std::fill(ones.begin(), ones.end(), 1.0F);
  return nn::Constant(tape, ones, rows, 1);
}

}  // namespace

Result<std::unique_ptr<TwoTower>> TwoTower::Create(const ModelConfig& config,
                                                   const ModelSizes& sizes, const Rng& rng) {
  TANDEM_RETURN_IF_ERROR(Validate(config));
  constexpr int64_t kMaxRows = int64_t{1} << 30;
  for (const int64_t rows : {sizes.users, sizes.items, sizes.categories}) {
    if (rows < 0 || rows > kMaxRows) {
      return InvalidArgumentError("a model table of ", rows, " rows; expected 0 to ", kMaxRows);
    }
  }
  std::unique_ptr<TwoTower> model(new TwoTower(config, sizes));
  model->AddTowers(rng);
  model->AddRatingHead(rng);
  return model;
}

void TwoTower::AddTowers(const Rng& rng) {
  const bool with_popularity = config_.popularity == PopularityTerm::kLastCoordinate;
  const auto dimension = static_cast<size_t>(config_.dimension - (with_popularity ? 1 : 0));
  const nn::Initializer init = EmbeddingInitializer(config_.embedding_init);
  if (config_.query == QueryFeature::kUserId) {
    user_.emplace("query/user", TableRows(sizes_.users), dimension, init, rng);
  } else {
    history_.emplace("query/history", TableRows(sizes_.items), dimension, init, rng);
  }
  item_.emplace("item/id", TableRows(sizes_.items), dimension, init, rng);
  if (config_.item == ItemFeatures::kIdAndCategories) {
    category_.emplace("item/category", TableRows(sizes_.categories), dimension, init, rng);
  }
  if (with_popularity) {
    log_popularity_ = nn::MakeParameter("item/log_popularity", nn::ParameterKind::kTable,
                                        TableRows(sizes_.items), 1, nn::Initializer::Zeros(), rng);
    log_popularity_->set_weight_decay_scale(0);
  }
}

void TwoTower::AddRatingHead(const Rng& rng) {
  if (config_.rating == RatingHead::kMlp) {
    std::vector<int64_t> units = config_.rating_layers;
    units.push_back(1);
    rating_mlp_.emplace("rating", 2 * static_cast<size_t>(config_.dimension), units, rng);
    return;
  }
  if (config_.rating != RatingHead::kFactors) return;
  const auto factors = static_cast<size_t>(config_.rating_dimension);
  const nn::Initializer init = EmbeddingInitializer(config_.embedding_init);
  const nn::Initializer zeros = nn::Initializer::Zeros();
  const size_t users = TableRows(sizes_.users);
  const size_t items = TableRows(sizes_.items);
  rating_mean_ = nn::MakeParameter("rating/mean", nn::ParameterKind::kDense, 1, 1, zeros, rng);
  rating_mean_->set_weight_decay_scale(0);
  user_bias_.emplace("rating/user_bias", users, 1, zeros, rng);
  item_bias_.emplace("rating/item_bias", items, 1, zeros, rng);
  user_factor_.emplace("rating/user", users, factors, init, rng);
  item_factor_.emplace("rating/item", items, factors, init, rng);
  history_factor_.emplace("rating/history", items, factors, init, rng);
  for (auto* table : {&user_factor_, &item_factor_, &history_factor_}) ClearUnknownRow(**table);
  for (auto* table : {&user_bias_, &item_bias_, &user_factor_, &item_factor_, &history_factor_}) {
    (*table)->table.set_weight_decay_scale(0);
  }
}

nn::Var TwoTower::EncodeQueries(nn::Tape& tape, const QueryInput& input) const {
  const nn::Var taste =
      user_ ? user_->Lookup(tape, TableIds(tape, input.users))
            : history_->Bag(tape, input.history_offsets, TableIds(tape, input.history));
  return log_popularity_ ? nn::Concat(taste, Ones(tape, taste.rows())) : taste;
}

nn::Var TwoTower::EncodeItems(nn::Tape& tape, const ItemInput& input) const {
  const std::span<const int32_t> ids = TableIds(tape, input.items);
  nn::Var item = item_->Lookup(tape, ids);
  if (category_) {
    item = nn::Add(item, category_->Bag(tape, input.category_offsets, input.categories));
  }
  if (!log_popularity_) return item;
  const std::span<float> popularity = tape.Scratch(ids.size());
  std::transform(ids.begin(), ids.end(), popularity.begin(), [this](int32_t id) {
    return log_popularity_->value().data()[static_cast<size_t>(id)];
  });
  return nn::Concat(item, nn::Constant(tape, popularity, ids.size(), 1));
}

Ratings TwoTower::PredictRatings(nn::Tape& tape, nn::Var queries, nn::Var items,
                                 const QueryInput& query, const ItemInput& item,
                                 const PairInput& pairs) const {
  if (config_.rating == RatingHead::kFactors) return PredictByFactors(tape, query, item, pairs);
  const nn::Var both =
      nn::Concat(nn::Gather(queries, pairs.query_of), nn::Gather(items, pairs.item_of));
  return {.prediction = rating_mlp_->Forward(both), .factors = std::nullopt};
}

Ratings TwoTower::PredictByFactors(nn::Tape& tape, const QueryInput& query, const ItemInput& item,
                                   const PairInput& pairs) const {
  const std::span<const int32_t> users = TableIds(tape, query.users);
  const std::span<const int32_t> items = TableIds(tape, item.items);
  const FactorRows rows{.user_bias = user_bias_->Lookup(tape, users),
                        .item_bias = item_bias_->Lookup(tape, items),
                        .user_factors = user_factor_->Lookup(tape, users),
                        .item_factors = item_factor_->Lookup(tape, items),
                        .history_items = history_factor_->Lookup(tape, items)};
  const nn::Var history = history_factor_->Bag(
      tape, query.history_offsets, TableIds(tape, query.history), {}, nn::Combiner::kSqrtN);
  const nn::Var taste = nn::Add(rows.user_factors, history);
  const nn::Var biases = nn::Add(nn::Gather(rows.user_bias, pairs.query_of),
                                 nn::Gather(rows.item_bias, pairs.item_of));
  const nn::Var affinity =
      nn::RowDot(nn::Gather(taste, pairs.query_of), nn::Gather(rows.item_factors, pairs.item_of));
  const nn::Var mean = nn::Constant(tape, rating_mean_->value().view());
  return {.prediction = nn::AddBias(nn::Add(biases, affinity), mean), .factors = rows};
}

std::vector<nn::Parameter*> TwoTower::Parameters() {
  std::vector<nn::Parameter*> all;
  for (auto* table : {&user_, &history_, &item_, &category_}) {
    if (*table) all.push_back(&(*table)->table);
  }
  if (log_popularity_) all.push_back(&*log_popularity_);
  if (rating_mlp_) {
    const std::vector<nn::Parameter*> layers = rating_mlp_->Parameters();
    all.insert(all.end(), layers.begin(), layers.end());
  }
  if (rating_mean_) all.push_back(&*rating_mean_);
  for (auto* table : {&user_bias_, &item_bias_, &user_factor_, &item_factor_, &history_factor_}) {
    if (*table) all.push_back(&(*table)->table);
  }
  return all;
}

std::vector<const nn::Parameter*> TwoTower::Parameters() const {
  const std::vector<nn::Parameter*> all = const_cast<TwoTower*>(this)->Parameters();
  return {all.begin(), all.end()};
}

void TwoTower::SetPopularity(std::span<const int64_t> counts) {
  if (!log_popularity_) return;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double denominator = total + static_cast<double>(counts.size());
  const std::span<float> values = log_popularity_->value().values();
  for (size_t i = 0; i < counts.size(); ++i) {
    values[i + 1] =
        static_cast<float>(std::log((static_cast<double>(counts[i]) + 1) / denominator));
  }
  values[0] = static_cast<float>(std::log(1 / denominator));
}

void TwoTower::SetMeanRating(float mean) {
  if (rating_mean_) rating_mean_->value().data()[0] = mean;
}

}  // namespace tandem::model
