#include "tandem/training/evaluation.h"

#include <algorithm>
#include <numeric>

#include "tandem/training/metric/regression.h"
#include "tandem/training/metric/top_k_accuracy.h"
#include "tandem/training/solver/bias.h"

namespace tandem::training {
namespace {

std::vector<int32_t> Iota(int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// All users and, last, the unknown one with an empty history.
struct AllQueries {
  std::vector<int32_t> users;
  std::vector<int64_t> history_offsets;
  const std::vector<int32_t>* history;

  explicit AllQueries(const data::History& all)
      : users(Iota(all.users())), history_offsets(all.offsets), history(&all.items) {
    users.push_back(-1);
    history_offsets.push_back(history_offsets.back());
  }
  model::QueryInput Input() const {
    return {.users = users, .history_offsets = history_offsets, .history = *history};
  }
  // The place of a user row among the queries.
  int32_t PlaceOf(int32_t user) const {
    return user < 0 ? static_cast<int32_t>(users.size()) - 1 : user;
  }
};

std::vector<float> Copy(nn::Var value) { return {value.values().begin(), value.values().end()}; }

// Accuracies with and without the training items.
Status Rank(const metric::TopKInput& all, const AllQueries& queries, Workers& workers,
            Metrics& metrics) {
  TANDEM_ASSIGN_OR_RETURN(metrics.accuracy_all,
                          metric::TopKAccuracy(all, metric::kUsualKs, workers));
  metric::TopKInput unseen = all;
  unseen.seen_offsets = queries.history_offsets;
  unseen.seen = *queries.history;
  TANDEM_ASSIGN_OR_RETURN(metrics.accuracy,
                          metric::TopKAccuracy(unseen, metric::kUsualKs, workers));
  return {};
}

Status Judge(std::span<const float> predictions, const data::Interactions& test, Metrics& metrics) {
  TANDEM_ASSIGN_OR_RETURN(metrics.rmse, metric::Rmse(predictions, test.rating));
  TANDEM_ASSIGN_OR_RETURN(metrics.mae, metric::Mae(predictions, test.rating));
  return {};
}

Result<Metrics> EvaluateModel(const model::TwoTower& tower, const data::Dataset& dataset,
                              const AllQueries& queries, const data::History& history,
                              const data::Interactions& test, Workers& workers) {
  Metrics metrics{.name = "model"};
  const Embeddings embeddings = EncodeAll(tower, dataset.catalogue, history, workers);
  std::vector<int32_t> query_of;
  for (const int32_t user : test.user) query_of.push_back(queries.PlaceOf(user));
  const metric::TopKInput input{.dimension = tower.config().dimension,
                                .queries = embeddings.queries,
                                .items = embeddings.items,
                                .query_of = query_of,
                                .item_of = test.item};
  TANDEM_RETURN_IF_ERROR(Rank(input, queries, workers, metrics));
  if (tower.config().rating == model::RatingHead::kNone) return metrics;

  nn::Tape tape(workers);
  const auto d = static_cast<size_t>(tower.config().dimension);
  std::vector<int32_t> items = Iota(dataset.catalogue.size());
  items.push_back(-1);  // the unknown item, last
  std::vector<int64_t> category_offsets = dataset.catalogue.category_offsets;
  category_offsets.push_back(category_offsets.back());
  const model::ItemInput item_input{.items = items,
                                    .category_offsets = category_offsets,
                                    .categories = dataset.catalogue.category};
  std::vector<int32_t> item_of;
  for (const int32_t item : test.item) {
    item_of.push_back(item < 0 ? static_cast<int32_t>(items.size()) - 1 : item);
  }
  const nn::Var query_embeddings = nn::Constant(tape, embeddings.queries, queries.users.size(), d);
  const model::Ratings ratings =
      tower.PredictRatings(tape, query_embeddings, tower.EncodeItems(tape, item_input),
                           queries.Input(), item_input, {.query_of = query_of, .item_of = item_of});
  TANDEM_RETURN_IF_ERROR(Judge(ratings.prediction.values(), test, metrics));
  return metrics;
}

// Every user gets the items by their counts: a query of 1 and items of their count.
Result<Metrics> EvaluatePopularity(const data::Dataset& dataset, const AllQueries& queries,
                                   const data::Interactions& test, Workers& workers) {
  Metrics metrics{.name = "most popular"};
  const std::vector<int64_t> counts = data::ItemCounts(dataset.train);
  const std::vector<float> items(counts.begin(), counts.end());
  const std::vector<float> ones(queries.users.size(), 1.0F);
  std::vector<int32_t> query_of;
  for (const int32_t user : test.user) query_of.push_back(queries.PlaceOf(user));
  const metric::TopKInput input{
      .dimension = 1, .queries = ones, .items = items, .query_of = query_of, .item_of = test.item};
  TANDEM_RETURN_IF_ERROR(Rank(input, queries, workers, metrics));
  return metrics;
}

}  // namespace

Embeddings EncodeAll(const model::TwoTower& tower, const data::Catalogue& catalogue,
                     const data::History& history, Workers& workers) {
  nn::Tape tape(workers);
  const AllQueries queries(history);
  const std::vector<int32_t> items = Iota(catalogue.size());
  return {.queries = Copy(tower.EncodeQueries(tape, queries.Input())),
          .items = Copy(tower.EncodeItems(tape, {.items = items,
                                                 .category_offsets = catalogue.category_offsets,
                                                 .categories = catalogue.category}))};
}

Result<std::vector<Metrics>> EvaluateBesideBaselines(const model::TwoTower& tower,
                                                     const data::Dataset& dataset,
                                                     const data::History& history,
                                                     const data::Interactions& test,
                                                     Workers& workers) {
  if (test.size() == 0) return InvalidArgumentError("there are no test rows to evaluate on");
  const AllQueries queries(history);
  std::vector<Metrics> table;
  TANDEM_ASSIGN_OR_RETURN(table.emplace_back(),
                          EvaluateModel(tower, dataset, queries, history, test, workers));
  TANDEM_ASSIGN_OR_RETURN(table.emplace_back(),
                          EvaluatePopularity(dataset, queries, test, workers));
  TANDEM_ASSIGN_OR_RETURN(const solver::BiasModel bias, solver::SolveBias(dataset.train));
  const auto n = static_cast<size_t>(test.size());
  Metrics mean{.name = "global mean"};
  TANDEM_RETURN_IF_ERROR(Judge(std::vector<float>(n, static_cast<float>(bias.mean)), test, mean));
  table.push_back(std::move(mean));
  std::vector<float> predictions;
  for (size_t i = 0; i < n; ++i) {
    predictions.push_back(static_cast<float>(bias.Predict(test.user[i], test.item[i])));
  }
  Metrics biases{.name = "user+item bias"};
  TANDEM_RETURN_IF_ERROR(Judge(predictions, test, biases));
  table.push_back(std::move(biases));
  return table;
}

}  // namespace tandem::training
