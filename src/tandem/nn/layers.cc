#include "tandem/nn/layers.h"

#include "tandem/base/status.h"

namespace tandem::nn {

EmbeddingTable::EmbeddingTable(std::string name, size_t rows, size_t dimension,
                               Initializer initializer, const Rng& rng)
    : table(MakeParameter(std::move(name), ParameterKind::kTable, rows, dimension, initializer,
                          rng)) {}

Var EmbeddingTable::Lookup(Tape& tape, std::span<const int32_t> ids) const {
  return nn::Lookup(tape, table, ids);
}

Var EmbeddingTable::Bag(Tape& tape, std::span<const int64_t> offsets, std::span<const int32_t> ids,
                        std::span<const float> weights, Combiner combiner) const {
  return nn::Bag(tape, table, offsets, ids, weights, combiner);
}

DenseLayer::DenseLayer(std::string_view name, size_t inputs, size_t units,
                       Activation layer_activation, const Rng& rng)
    : kernel(MakeParameter(StrCat(name, "/kernel"), ParameterKind::kDense, inputs, units,
                           Initializer::GlorotUniform(), rng)),
      bias(MakeParameter(StrCat(name, "/bias"), ParameterKind::kDense, 1, units,
                         Initializer::Zeros(), rng)),
      activation(layer_activation) {}

Var DenseLayer::Forward(Var x) const { return Dense(x, kernel, bias, activation); }

Mlp::Mlp(std::string_view name, size_t inputs, std::span<const int64_t> units, const Rng& rng) {
  layers.reserve(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    const bool last = i + 1 == units.size();
    layers.emplace_back(StrCat(name, "/", i), inputs, static_cast<size_t>(units[i]),
                        last ? Activation::kNone : Activation::kRelu, rng);
    inputs = static_cast<size_t>(units[i]);
  }
}

Var Mlp::Forward(Var x) const {
  for (const DenseLayer& layer : layers) x = layer.Forward(x);
  return x;
}

std::vector<Parameter*> Mlp::Parameters() {
  std::vector<Parameter*> result;
  for (DenseLayer& layer : layers) {
    result.push_back(&layer.kernel);
    result.push_back(&layer.bias);
  }
  return result;
}

}  // namespace tandem::nn
