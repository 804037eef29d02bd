#include "tandem/training/evaluation.h"

#include <algorithm>

#include "tandem/bundle/query.h"
#include "tandem/training/metric/regression.h"
#include "tandem/training/metric/top_k_accuracy.h"
#include "tandem/training/solver/bias.h"

namespace tandem::training {
namespace {

// The users of the test rows, each once, with what they have seen.
struct TestUsers {
  std::vector<int32_t> rows;      // ascending; -1, the unknown user, comes first
  std::vector<int32_t> place_of;  // [m] of each test row in `rows`
  std::vector<int64_t> seen_offsets = {0};
  std::vector<int32_t> seen;

  TestUsers(const bundle::Bundle& bundle, const data::Interactions& test) : rows(test.user) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    for (const int32_t user : test.user) {
      const auto found = std::lower_bound(rows.begin(), rows.end(), user);
      place_of.push_back(static_cast<int32_t>(found - rows.begin()));
    }
    for (const int32_t user : rows) {
      if (user >= 0) {
        const std::span<const int32_t> history = bundle.users.history[user];
        seen.insert(seen.end(), history.begin(), history.end());
      }
      seen_offsets.push_back(static_cast<int64_t>(seen.size()));
    }
  }
};

// Accuracies with and without the training items.
Status Rank(metric::TopKInput input, const TestUsers& users, Workers& workers, Metrics& metrics) {
  TANDEM_ASSIGN_OR_RETURN(metrics.accuracy_all,
                          metric::TopKAccuracy(input, metric::kUsualKs, workers));
  input.seen_offsets = users.seen_offsets;
  input.seen = users.seen;
  TANDEM_ASSIGN_OR_RETURN(metrics.accuracy, metric::TopKAccuracy(input, metric::kUsualKs, workers));
  return {};
}

Status Judge(std::span<const float> predictions, const data::Interactions& test, Metrics& metrics) {
  TANDEM_ASSIGN_OR_RETURN(metrics.rmse, metric::Rmse(predictions, test.rating));
  TANDEM_ASSIGN_OR_RETURN(metrics.mae, metric::Mae(predictions, test.rating));
  return {};
}

Result<Metrics> EvaluateModel(const bundle::Bundle& bundle, const data::Interactions& test,
                              const TestUsers& users, Workers& workers) {
  Metrics metrics{.name = "model"};
  std::vector<float> queries;
  for (const int32_t user : users.rows) {
    const std::span<const float> embedding = bundle::EmbeddingOfRow(bundle, user);
    queries.insert(queries.end(), embedding.begin(), embedding.end());
  }
  TANDEM_RETURN_IF_ERROR(Rank({.dimension = bundle.dimension(),
                               .queries = queries,
                               .items = bundle.items.embeddings,
                               .query_of = users.place_of,
                               .item_of = test.item},
                              users, workers, metrics));
  if (bundle.config.rating == model::RatingHead::kNone) return metrics;
  TANDEM_ASSIGN_OR_RETURN(const std::vector<float> ratings,
                          bundle::PredictRatings(bundle, test.user, test.item));
  TANDEM_RETURN_IF_ERROR(Judge(ratings, test, metrics));
  return metrics;
}

// Every user gets the items by their counts: a query of 1 and items of their count.
Result<Metrics> EvaluatePopularity(const bundle::Bundle& bundle, const data::Interactions& test,
                                   const TestUsers& users, Workers& workers) {
  Metrics metrics{.name = "most popular"};
  const std::vector<float> counts(bundle.items.popularity.begin(), bundle.items.popularity.end());
  const std::vector<float> ones(users.rows.size(), 1.0F);
  TANDEM_RETURN_IF_ERROR(Rank({.dimension = 1,
                               .queries = ones,
                               .items = counts,
                               .query_of = users.place_of,
                               .item_of = test.item},
                              users, workers, metrics));
  return metrics;
}

}  // namespace

Result<std::vector<Metrics>> EvaluateBundle(const bundle::Bundle& bundle,
                                            const data::Interactions& test, Workers& workers) {
  if (test.size() == 0) return InvalidArgumentError("there are no test rows to evaluate on");
  const data::Interactions aligned = data::Align(test, bundle.users.ids, bundle.items.ids);
  const TestUsers users(bundle, aligned);
  std::vector<Metrics> table;
  TANDEM_ASSIGN_OR_RETURN(table.emplace_back(), EvaluateModel(bundle, aligned, users, workers));
  TANDEM_ASSIGN_OR_RETURN(table.emplace_back(),
                          EvaluatePopularity(bundle, aligned, users, workers));
  return table;
}

Result<std::vector<Metrics>> EvaluateBesideBaselines(const bundle::Bundle& bundle,
                                                     const data::Interactions& train,
                                                     const data::Interactions& test,
                                                     Workers& workers) {
  TANDEM_ASSIGN_OR_RETURN(std::vector<Metrics> table, EvaluateBundle(bundle, test, workers));
  TANDEM_ASSIGN_OR_RETURN(const solver::BiasModel bias, solver::SolveBias(train));
  const std::vector<float> means(test.user.size(), static_cast<float>(bias.mean));
  TANDEM_RETURN_IF_ERROR(Judge(means, test, table.emplace_back(Metrics{.name = "global mean"})));
  const data::Interactions aligned = data::Align(test, train.users, train.items);
  std::vector<float> predictions;
  for (size_t i = 0; i < aligned.user.size(); ++i) {
    predictions.push_back(static_cast<float>(bias.Predict(aligned.user[i], aligned.item[i])));
  }
  TANDEM_RETURN_IF_ERROR(
      Judge(predictions, test, table.emplace_back(Metrics{.name = "user+item bias"})));
  return table;
}

int64_t CountTrainedOn(const bundle::Bundle& bundle, const data::Interactions& test) {
  const data::Interactions aligned = data::Align(test, bundle.users.ids, bundle.items.ids);
  int64_t count = 0;
  for (size_t i = 0; i < aligned.user.size(); ++i) {
    if (aligned.user[i] < 0) continue;
    const std::span<const int32_t> history = bundle.users.history[aligned.user[i]];
    if (std::binary_search(history.begin(), history.end(), aligned.item[i])) ++count;
  }
  return count;
}

std::vector<std::pair<std::string, double>> ModelMetrics(const Metrics& metrics) {
  std::vector<std::pair<std::string, double>> named;
  const auto add = [&](const std::vector<double>& accuracies, const char* suffix) {
    for (size_t i = 0; i < accuracies.size(); ++i) {
      named.emplace_back(StrCat("acc@", metric::kUsualKs[i], suffix), accuracies[i]);
    }
  };
  add(metrics.accuracy, "");
  add(metrics.accuracy_all, " (seen kept)");
  if (metrics.rmse) named.emplace_back("RMSE", *metrics.rmse);
  if (metrics.mae) named.emplace_back("MAE", *metrics.mae);
  return named;
}

}  // namespace tandem::training
