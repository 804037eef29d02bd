#include "tandem/nn/tape.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tandem::nn {

namespace internal {
void DieOfBadUse(const char* op, const char* expectation) {
  std::fprintf(stderr, "tandem/nn: %s: expected %s\n", op, expectation);
  std::abort();
}
}  // namespace internal

size_t Var::rows() const { return tape_->node(*this).rows; }
size_t Var::cols() const { return tape_->node(*this).cols; }

math::ConstMatrixView Var::view() const {
  const Tape::Node& node = tape_->node(*this);
  return {node.value, node.rows, node.cols, node.cols};
}

std::span<const float> Var::values() const {
  const Tape::Node& node = tape_->node(*this);
  return {node.value, node.rows * node.cols};
}

float Var::scalar() const {
  TANDEM_NN_CHECK(rows() == 1 && cols() == 1, "Var::scalar");
  return values()[0];
}

Tape::Tape(Workers& workers, const Rng& rng, Recording recording, Mode mode)
    : workers_(&workers), rng_(rng), recording_(recording), mode_(mode) {}

Tape::Tape(Workers& workers) : Tape(workers, Rng(0), Recording::kOff, Mode::kInference) {}

void Tape::Reset() {
  arena_.Reset();
  nodes_.clear();
  steps_.clear();
  ++step_;
}

Rng Tape::Stream(std::string_view purpose, uint64_t index) const {
  return rng_.Fork(purpose, step_).Fork("index", index);
}

Var Tape::NewVar(size_t rows, size_t cols, bool needs_gradient) {
  float* memory = arena_.Allocate<float>(rows * cols).data();
  nodes_.push_back({memory, memory, nullptr, rows, cols, needs_gradient && recording()});
  return Var(this, static_cast<int32_t>(nodes_.size() - 1));
}

Var Tape::NewAlias(const float* value, size_t rows, size_t cols, float* gradient) {
  nodes_.push_back({value, nullptr, gradient, rows, cols, gradient != nullptr && recording()});
  return Var(this, static_cast<int32_t>(nodes_.size() - 1));
}

math::MatrixView Tape::MutableValue(Var x) {
  const Node& at = node(x);
  TANDEM_NN_CHECK(at.owned != nullptr || at.rows * at.cols == 0, "Tape::MutableValue");
  return {at.owned, at.rows, at.cols, at.cols};
}

math::MatrixView Tape::Gradient(Var x) {
  Node& at = nodes_[static_cast<size_t>(x.index())];
  TANDEM_NN_CHECK(at.needs_gradient, "Tape::Gradient");
  if (at.gradient == nullptr) {
    const std::span<float> memory = arena_.Allocate<float>(at.rows * at.cols);
    std::fill(memory.begin(), memory.end(), 0.0F);
    at.gradient = memory.data();
  }
  return {at.gradient, at.rows, at.cols, at.cols};
}

void Tape::Backward(Var loss) {
  TANDEM_NN_CHECK(loss.rows() == 1 && loss.cols() == 1, "Tape::Backward");
  const float one = 1;
  Backward(loss, std::span(&one, 1));
}

void Tape::Backward(Var output, std::span<const float> gradient) {
  TANDEM_NN_CHECK(recording(), "Tape::Backward");
  TANDEM_NN_CHECK(gradient.size() == output.values().size(), "Tape::Backward");
  if (!NeedsGradient(output)) return;  // nothing that is trained took part
  const math::MatrixView target = Gradient(output);
  for (size_t i = 0; i < gradient.size(); ++i) target.data[i] += gradient[i];
  RunBackward();
}

void Tape::RunBackward() {
  for (size_t i = steps_.size(); i-- > 0;) {
    const Step step = steps_[i];
    if (nodes_[static_cast<size_t>(step.output)].gradient == nullptr) continue;
    step.run(step.closure, *this);
  }
}

}  // namespace tandem::nn
