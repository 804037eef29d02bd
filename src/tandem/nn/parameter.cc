#include "tandem/nn/parameter.h"

#include <algorithm>
#include <cmath>

namespace tandem::nn {

std::span<float> SparseRows::Row(int32_t row) {
  int32_t& slot = slot_of_row_[static_cast<size_t>(row)];
  if (slot < 0) {
    slot = static_cast<int32_t>(rows_.size());
    sorted_ = rows_.empty() || (sorted_ && rows_.back() < row);
    rows_.push_back(row);
    values_.resize(rows_.size() * cols_, 0.0F);
  }
  return {values_.data() + static_cast<size_t>(slot) * cols_, cols_};
}

std::span<const int32_t> SparseRows::SortedRows() const {
  if (!sorted_) std::sort(rows_.begin(), rows_.end());
  sorted_ = true;
  return rows_;
}

void SparseRows::Clear() {
  for (const int32_t row : rows_) slot_of_row_[static_cast<size_t>(row)] = -1;
  rows_.clear();
  values_.clear();
  sorted_ = true;
}

Tensor& Parameter::dense_gradient() const {
  if (gradient_->dense.size() != value_.size()) {
    gradient_->dense = Tensor(value_.rows(), value_.cols());
  }
  return gradient_->dense;
}

SparseRows& Parameter::sparse_gradient() const {
  if (gradient_->sparse == nullptr) {
    gradient_->sparse = std::make_unique<SparseRows>(value_.rows(), value_.cols());
  }
  return *gradient_->sparse;
}

void Parameter::ClearGradient() const {
  if (!gradient_->touched) return;
  gradient_->touched = false;
  if (kind_ == ParameterKind::kDense) {
    dense_gradient().SetZero();
  } else {
    sparse_gradient().Clear();
  }
}

Parameter MakeParameter(std::string name, ParameterKind kind, size_t rows, size_t cols,
                        Initializer initializer, const Rng& rng) {
  Tensor value(rows, cols);
  Rng stream = rng.Fork(name);
  float limit = initializer.scale;
  switch (initializer.kind) {
    case Initializer::Kind::kZeros:
      break;
    case Initializer::Kind::kNormal:
      for (float& x : value.values()) x = initializer.scale * stream.Normal();
      break;
    case Initializer::Kind::kGlorotUniform:
      limit = std::sqrt(6.0F / static_cast<float>(rows + cols));
      [[fallthrough]];
    case Initializer::Kind::kUniform:
      for (float& x : value.values()) x = stream.UniformFloat(-limit, limit);
      break;
  }
  return Parameter(std::move(name), kind, std::move(value));
}

}  // namespace tandem::nn
