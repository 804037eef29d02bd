// What a training changes: a named matrix, how it starts, and the gradient of the current step.
//
// A dense parameter (weights, biases) has a dense gradient. A table (one row for each id) has a
// sparse one: only the rows that the step has touched, each once, duplicates already summed in
// the order in which they came. A recording tape adds to the gradient; the optimizer reads and
// clears it. The gradient is scratch of the trainer and not part of the value: it is reached
// through a const Parameter too, is empty until the first recorded step, and is never touched by
// a tape that does not record, so that many threads may share a const Parameter for serving.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/nn/tensor.h"

namespace tandem::nn {

enum class ParameterKind { kDense, kTable };

// Rows of a table's gradient. An index table over all rows of the parameter finds the place of
// a row at once; nothing is sorted but the distinct row ids.
class SparseRows {
 public:
  // Of a table [rows, cols].
  SparseRows(size_t rows, size_t cols) : cols_(cols), slot_of_row_(rows, -1) {}

  // The gradient of this row, zero at the first call since Clear; valid until the next Row.
  std::span<float> Row(int32_t row);

  // Distinct rows since Clear.
  size_t size() const { return rows_.size(); }
  // Distinct row ids, ascending.
  std::span<const int32_t> SortedRows() const;
  // The gradient of a row that is in SortedRows.
  std::span<const float> RowValues(int32_t row) const {
    return {values_.data() + static_cast<size_t>(slot_of_row_[static_cast<size_t>(row)]) * cols_,
            cols_};
  }
  void Clear();  // keeps the memory

 private:
  size_t cols_;
  std::vector<int32_t> slot_of_row_;  // [rows], -1: not in this step
  mutable std::vector<int32_t> rows_;
  mutable bool sorted_ = true;
  std::vector<float> values_;  // [size, cols], in the order of the first touch
};

class Parameter {
 public:
  Parameter(std::string name, ParameterKind kind, Tensor value)
      : name_(std::move(name)), kind_(kind), value_(std::move(value)), gradient_(new Gradient) {}

  const std::string& name() const { return name_; }
  ParameterKind kind() const { return kind_; }
  size_t rows() const { return value_.rows(); }
  size_t cols() const { return value_.cols(); }
  Tensor& value() { return value_; }
  const Tensor& value() const { return value_; }

  // Multiplies the optimizer's weight decay for this parameter; 0 leaves it out.
  float weight_decay_scale() const { return weight_decay_scale_; }
  void set_weight_decay_scale(float scale) { weight_decay_scale_ = scale; }

  // Whether a gradient was recorded since the last ClearGradient.
  bool has_gradient() const { return gradient_->touched; }
  // [rows, cols] of a kDense parameter; made, zero, at the first call.
  Tensor& dense_gradient() const;
  // Of a kTable parameter; made, empty, at the first call.
  SparseRows& sparse_gradient() const;
  // Marks the gradient as recorded; called by the tape.
  void TouchGradient() const { gradient_->touched = true; }
  void ClearGradient() const;

 private:
  struct Gradient {
    bool touched = false;
    Tensor dense;
    std::unique_ptr<SparseRows> sparse;
  };

  std::string name_;
  ParameterKind kind_;
  Tensor value_;
  float weight_decay_scale_ = 1;
  std::unique_ptr<Gradient> gradient_;
};

// How a parameter starts.
struct Initializer {
  enum class Kind { kZeros, kUniform, kNormal, kGlorotUniform };
  Kind kind = Kind::kZeros;
  float scale = 0;  // kUniform: U(-scale, scale); kNormal: the standard deviation

  static Initializer Zeros() { return {Kind::kZeros, 0}; }
  // Keras' default for embeddings.
  static Initializer Uniform(float scale = 0.05F) { return {Kind::kUniform, scale}; }
  static Initializer Normal(float deviation) { return {Kind::kNormal, deviation}; }
  // U(-l, l) with l = sqrt(6 / (rows + cols)) (Glorot and Bengio, 2010), Keras' for Dense.
  static Initializer GlorotUniform() { return {Kind::kGlorotUniform, 0}; }
};

// A parameter [rows, cols] drawn from the stream rng.Fork(name): the same numbers whatever else
// the model has.
Parameter MakeParameter(std::string name, ParameterKind kind, size_t rows, size_t cols,
                        Initializer initializer, const Rng& rng);

}  // namespace tandem::nn
