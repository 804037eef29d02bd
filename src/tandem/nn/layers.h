// Parameters with the ops that use them, as plain structs. Initial values as in Keras: weights
// Glorot uniform, biases zero, embeddings as asked. Const use is thread-safe on tapes that do
// not record.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/nn/ops.h"

namespace tandem::nn {

// One row [d] for each id in [0, rows).
struct EmbeddingTable {
  Parameter table;

  EmbeddingTable(std::string name, size_t rows, size_t dimension, Initializer initializer,
                 const Rng& rng);
  Var Lookup(Tape& tape, std::span<const int32_t> ids) const;
  Var Bag(Tape& tape, std::span<const int64_t> offsets, std::span<const int32_t> ids,
          std::span<const float> weights = {}, Combiner combiner = Combiner::kMean) const;
};

// act(x W + b); parameters "<name>/kernel" [inputs, units] and "<name>/bias" [1, units].
struct DenseLayer {
  Parameter kernel;
  Parameter bias;
  Activation activation;

  DenseLayer(std::string_view name, size_t inputs, size_t units, Activation layer_activation,
             const Rng& rng);
  Var Forward(Var x) const;
};

// Dense layers "<name>/0", "<name>/1", ...: ReLU between them, none after the last.
struct Mlp {
  std::vector<DenseLayer> layers;

  Mlp(std::string_view name, size_t inputs, std::span<const int64_t> units, const Rng& rng);
  Var Forward(Var x) const;  // [n, inputs] -> [n, units.back()]
  // In the order of the layers, kernel before bias; the addresses stay valid while this lives.
  std::vector<Parameter*> Parameters();
};

}  // namespace tandem::nn
