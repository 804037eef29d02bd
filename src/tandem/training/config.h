// Everything `tandem train` can be told, as plain values. cli reads a TOML file into it; the
// key of a field is its struct's name and its own ("optimizer.learning_rate"). Validate once;
// unchanged afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/model/config.h"

namespace tandem::training {

// Where the rows come from. Paths are absolute or relative to the working directory.
struct DataConfig {
  std::string train;                       // interactions
  std::string test;                        // given test rows; empty: split train
  std::string items;                       // titles and categories; may be empty
  std::string layout = "movielens-small";  // movielens-100k, movielens-1m, movielens-small, tsv
  std::string split = "random";            // random or time, where no test is given
  double test_fraction = 0.2;              // of the rows, in (0, 1)
  bool skip_bad_rows = false;              // count malformed rows instead of stopping at the first
};

enum class RetrievalLoss {
  kInBatchSoftmax,  // against the items of the batch
  kFullSoftmax,     // against the whole catalogue
};

struct RetrievalConfig {
  double weight = 1;
  RetrievalLoss loss = RetrievalLoss::kInBatchSoftmax;
  double temperature = 1;               // scores are divided by it
  bool logq = false;                    // subtract the log of an item's share of the training rows
  bool remove_accidental_hits = false;  // drop other copies of the positive from the negatives
  double history_dropout = 0;           // share of a user's history left out in a step
};

// The rating loss is the mean squared error in a batch for kMlp. For kFactors it is the sum of
// squared errors plus l2 * (|p_u|^2 + |q_i|^2 + mean |y_j|^2) for each rating, as in SVD++ (Koren,
// 2008), plus what the prior charges each user and item once: prior * (b^2 + l2 * factors^2), so
// that who has few ratings stays near the mean.
struct RatingConfig {
  double weight = 1;
  double l2 = 0;
  double prior = 0;  // in ratings: a row with that many keeps half of its bias
};

enum class OptimizerKind { kAdagrad, kAdam };

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdagrad;
  double learning_rate = 0.1;
  double beta1 = 0.9;       // Adam
  double beta2 = 0.99;      // Adam
  double weight_decay = 0;  // Adam, decoupled, of the towers; the rating head has its l2
  // The rate falls in a straight line to 0 over this last share of the steps.
  double cooldown = 0;
};

enum class BatchBy {
  kInteraction,  // batch_size interactions, the same batches in every epoch
  kUser,         // all interactions of batch_size users
};

struct TrainingConfig {
  uint64_t seed = 42;
  DataConfig data;
  model::ModelConfig model;
  RetrievalConfig retrieval;
  RatingConfig rating;
  OptimizerConfig optimizer;
  int64_t epochs = 3;
  BatchBy batch_by = BatchBy::kInteraction;
  int64_t batch_size = 8192;  // 0: everything in one batch
  bool reshuffle = false;     // new batches in every epoch
};

// kInvalidArgument names the key, its value and what is expected.
Status Validate(const TrainingConfig& config);

}  // namespace tandem::training
