// Softmax cross entropy between queries and candidates in one pass, without the matrix of logits
// in memory.
//
// A batch of B interactions holds the same user and the same item many times; the caller
// collapses it to nq distinct query rows, nc distinct candidate columns with the number of times
// each is in the batch, and the interactions as pairs (row, column, weight). The loss equals that
// of the B x B in-batch softmax of TensorFlow Recommenders (tasks.Retrieval: temperature, then
// sampling correction, then accidental hits; sum over the batch). With all items as columns and
// counts of 1 it is the full softmax over the catalogue.
//
//   s_rj   = q_r . c_j / temperature + bias_j
//   Z_r    = sum over j of count_j exp(s_rj)
//   loss   = sum over pairs (r, c, w) of w (log D - s_rc),
//   D      = Z_r, or without accidental hits Z_r - (count_c - 1) exp(s_rc).
//
// Computation: rows are cut into at most 16 shards by shape; a shard goes through panels of rows
// whose logits fit the level-2 cache, turns them in place into probabilities and, where the tape
// records, multiplies them at once into the gradients. Gradients of the candidates are kept for
// each shard and summed in shard order, so that the bits do not depend on the thread count.
// Memory: a panel of at most max(256 KiB, 8 nc floats) and [nc, d] for each shard; shards are
// fewer where the latter would pass 64 MiB in sum.
#pragma once

#include <cstdint>
#include <span>

#include "tandem/nn/tape.h"

namespace tandem::nn {

// What is known of the candidate columns; each span is [nc] or empty.
struct SoftmaxColumns {
  std::span<const float> bias;   // added to the logits, e.g. -log q or log popularity; empty: 0
  std::span<const float> count;  // copies of the column in the batch, >= 1; empty: 1
};

// The positives; three spans of equal length, weights may be empty for 1. Weights >= 0.
struct SoftmaxPairs {
  std::span<const int32_t> rows;
  std::span<const int32_t> columns;
  std::span<const float> weights;
};

struct SoftmaxOptions {
  float temperature = 1;                // > 0
  bool remove_accidental_hits = false;  // other copies of a pair's own column are no negatives
};

// queries [nq, d], candidates [nc, d] -> the loss [1, 1], summed in double.
Var SoftmaxCrossEntropy(Var queries, Var candidates, const SoftmaxColumns& columns,
                        const SoftmaxPairs& pairs, const SoftmaxOptions& options = {});

}  // namespace tandem::nn
