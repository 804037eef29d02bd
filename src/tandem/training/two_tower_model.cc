#include "tandem/training/two_tower_model.h"

#include <numeric>

#include "tandem/nn/softmax.h"
#include "tandem/training/task/penalty.h"
#include "tandem/training/task/retrieval.h"

namespace tandem::training {
namespace {

// What is left of the histories when each item is dropped with the given probability.
struct ThinnedHistory {
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> items;
};

ThinnedHistory Thin(const data::Batch& batch, double dropout, Rng rng) {
  ThinnedHistory kept;
  kept.offsets.reserve(batch.history_offsets.size());
  const auto rate = static_cast<float>(dropout);
  for (size_t query = 0; query + 1 < batch.history_offsets.size(); ++query) {
    const auto begin = static_cast<size_t>(batch.history_offsets[query]);
    const auto end = static_cast<size_t>(batch.history_offsets[query + 1]);
    for (size_t i = begin; i < end; ++i) {
      if (rng.UniformFloat() >= rate) kept.items.push_back(batch.history[i]);
    }
    kept.offsets.push_back(static_cast<int64_t>(kept.items.size()));
  }
  return kept;
}

std::vector<int64_t> CountRows(std::span<const int32_t> rows, int32_t size) {
  std::vector<int64_t> counts(static_cast<size_t>(size), 0);
  for (const int32_t row : rows) ++counts[static_cast<size_t>(row)];
  return counts;
}

// Each row's part of one step in what an epoch charges `prior` times a row: by the share of the
// row's interactions that the step has.
std::vector<float> PriorWeights(double prior, std::span<const int32_t> rows,
                                std::span<const float> counts, std::span<const int64_t> totals) {
  std::vector<float> weights(rows.size(), 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (counts[i] == 0) continue;
    const int64_t total = totals[static_cast<size_t>(rows[i])];
    weights[i] = static_cast<float>(prior) * counts[i] / static_cast<float>(total);
  }
  return weights;
}

std::vector<float> Sum(std::vector<float> x, std::span<const float> y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

}  // namespace

TwoTowerModel::TwoTowerModel(model::TwoTower& tower, const data::Dataset& dataset,
                             const RetrievalConfig& retrieval, const RatingConfig& rating)
    : tower_(tower),
      catalogue_(dataset.catalogue),
      retrieval_(retrieval),
      rating_(rating),
      user_counts_(CountRows(dataset.train.user, dataset.train.users.size())),
      item_counts_(CountRows(dataset.train.item, dataset.catalogue.size())) {
  if (retrieval_.logq) logq_bias_ = task::LogQBias(data::SamplingProbabilities(item_counts_));
}

nn::Var TwoTowerModel::ComputeLoss(nn::Tape& tape, const data::Batch& batch) {
  const ThinnedHistory history =
      Thin(batch, retrieval_.history_dropout, tape.Stream("history dropout"));
  const nn::Var queries = tower_.EncodeQueries(
      tape, {.users = batch.queries, .history_offsets = history.offsets, .history = history.items});
  const Candidates candidates = CandidatesOf(batch);
  const nn::Var items = tower_.EncodeItems(tape, candidates.Input());
  const nn::Var retrieval = RetrievalLoss(queries, items, candidates, batch);
  if (tower_.config().rating == model::RatingHead::kNone) return retrieval;
  return nn::Add(retrieval, RatingLoss(tape, queries, items, candidates, batch));
}

TwoTowerModel::Candidates TwoTowerModel::CandidatesOf(const data::Batch& batch) const {
  Candidates candidates;
  if (retrieval_.loss == training::RetrievalLoss::kFullSoftmax) {
    const auto n = static_cast<size_t>(catalogue_.size());
    candidates.items.resize(n);
    std::iota(candidates.items.begin(), candidates.items.end(), 0);
    candidates.counts.assign(n, 0);
    for (size_t i = 0; i < batch.items.size(); ++i) {
      candidates.counts[static_cast<size_t>(batch.items[i])] = batch.item_counts[i];
    }
    candidates.item_of.reserve(batch.item_of.size());
    for (const int32_t place : batch.item_of) {
      candidates.item_of.push_back(batch.items[static_cast<size_t>(place)]);
    }
  } else {
    candidates.items = batch.items;
    candidates.counts = batch.item_counts;
    candidates.item_of = batch.item_of;
  }
  candidates.category_offsets = {0};
  for (const int32_t row : candidates.items) {
    const std::span<const int32_t> categories = catalogue_.CategoriesOf(row);
    candidates.categories.insert(candidates.categories.end(), categories.begin(), categories.end());
    candidates.category_offsets.push_back(static_cast<int64_t>(candidates.categories.size()));
  }
  return candidates;
}

nn::Var TwoTowerModel::RetrievalLoss(nn::Var queries, nn::Var items, const Candidates& candidates,
                                     const data::Batch& batch) const {
  const bool full = retrieval_.loss == training::RetrievalLoss::kFullSoftmax;
  std::vector<float> bias;
  if (!logq_bias_.empty() && !full) {
    bias.reserve(candidates.items.size());
    for (const int32_t row : candidates.items) bias.push_back(logq_bias_[static_cast<size_t>(row)]);
  }
  const nn::SoftmaxColumns columns{
      .bias = bias, .count = full ? std::span<const float>() : std::span(candidates.counts)};
  const nn::SoftmaxPairs pairs{
      .rows = batch.query_of, .columns = candidates.item_of, .weights = batch.weights};
  const nn::SoftmaxOptions options{
      .temperature = static_cast<float>(retrieval_.temperature),
      .remove_accidental_hits = retrieval_.remove_accidental_hits && !full};
  const nn::Var loss = nn::SoftmaxCrossEntropy(queries, items, columns, pairs, options);
  return retrieval_.weight == 1 ? loss : nn::Scale(loss, static_cast<float>(retrieval_.weight));
}

nn::Var TwoTowerModel::RatingLoss(nn::Tape& tape, nn::Var queries, nn::Var items,
                                  const Candidates& candidates, const data::Batch& batch) const {
  const model::QueryInput query{
      .users = batch.queries, .history_offsets = batch.history_offsets, .history = batch.history};
  const model::Ratings ratings =
      tower_.PredictRatings(tape, queries, items, query, candidates.Input(),
                            {.query_of = batch.query_of, .item_of = candidates.item_of});
  const auto weight = static_cast<float>(rating_.weight);
  if (!ratings.factors) {
    return nn::Scale(nn::SquaredError(ratings.prediction, batch.ratings, batch.weights), weight);
  }
  std::vector<float> query_counts(batch.queries.size(), 0);
  for (const int32_t place : batch.query_of) query_counts[static_cast<size_t>(place)] += 1;
  const model::FactorRows& rows = *ratings.factors;
  const std::vector<float> user_prior =
      PriorWeights(rating_.prior, batch.queries, query_counts, user_counts_);
  const std::vector<float> item_prior =
      PriorWeights(rating_.prior, candidates.items, candidates.counts, item_counts_);
  const std::vector<float> per_item = Sum(item_prior, candidates.counts);
  const nn::Var factors =
      nn::Add(task::WeightedSquares(rows.user_factors, Sum(user_prior, query_counts)),
              nn::Add(task::WeightedSquares(rows.item_factors, per_item),
                      task::WeightedSquares(rows.history_items, per_item)));
  const nn::Var biases = nn::Add(task::WeightedSquares(rows.user_bias, user_prior),
                                 task::WeightedSquares(rows.item_bias, item_prior));
  const nn::Var penalty = nn::Add(nn::Scale(factors, static_cast<float>(rating_.l2)), biases);
  const nn::Var error =
      nn::SquaredError(ratings.prediction, batch.ratings, batch.weights, nn::Reduction::kSum);
  return nn::Scale(nn::Add(error, penalty), weight);
}

}  // namespace tandem::training
