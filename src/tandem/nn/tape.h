// Reverse-mode differentiation over matrices.
//
// Ops (ops.h, softmax.h) compute their value at once. A tape that records keeps, beside each
// value, what its op needs to send the gradient back; Backward runs these in reverse order and
// adds to the gradients of the parameters. A tape that does not record runs the same ops with
// values only: that is how servers run a tower.
//
//   Tape tape(workers, rng, Recording::kOn, Mode::kTraining);
//   for (each step) {
//     tape.Reset();
//     Var loss = ...;                     // ops on the tape
//     tape.Backward(loss);                // into Parameter gradients
//     optimizer.Step(parameters);
//   }
//
// Memory belongs to the tape and is reused after Reset: a step of the same shapes as the one
// before allocates nothing. A Var is a handle that is valid until Reset. Values do not depend on
// the number of workers: work is cut by shape, and sums over shards are made in shard order.
// Shapes that do not fit, or ids outside of a table, are errors of the caller's code, checked by
// TANDEM_NN_CHECK, which ends the program with the op's name. Not thread-safe; Workers is shared
// and must outlive the tape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/rng.h"
#include "tandem/math/matrix.h"
#include "tandem/nn/arena.h"
#include "tandem/nn/parameter.h"

namespace tandem::nn {

enum class Recording { kOff, kOn };
enum class Mode { kInference, kTraining };  // dropout acts in training only

class Tape;

// A value on a tape: [rows, cols]. Cheap to copy; valid until the tape's Reset.
class Var {
 public:
  Var() = default;
  size_t rows() const;
  size_t cols() const;
  math::ConstMatrixView view() const;
  std::span<const float> values() const;  // [rows * cols], row-major
  float scalar() const;                   // of a [1, 1]
  Tape& tape() const { return *tape_; }
  int32_t index() const { return index_; }

 private:
  friend class Tape;
  Var(Tape* tape, int32_t index) : tape_(tape), index_(index) {}
  Tape* tape_ = nullptr;
  int32_t index_ = -1;
};

class Tape {
 public:
  Tape(Workers& workers, const Rng& rng, Recording recording = Recording::kOn,
       Mode mode = Mode::kTraining);
  // For serving and evaluation: records nothing, draws nothing.
  explicit Tape(Workers& workers);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Forgets all values and starts the next step (of the random streams too); keeps the memory.
  void Reset();

  // Adds d loss / d parameter to the gradient of every parameter that took part. The loss is
  // [1, 1]. Once a step at most.
  void Backward(Var loss);
  // The same from a given gradient [rows, cols] of any value.
  void Backward(Var output, std::span<const float> gradient);

  bool recording() const { return recording_ == Recording::kOn; }
  Mode mode() const { return mode_; }
  Workers& workers() const { return *workers_; }
  // The random stream (purpose, index) of this step.
  Rng Stream(std::string_view purpose, uint64_t index = 0) const;
  // Bytes held; for tests of the reuse.
  size_t capacity() const { return arena_.capacity(); }

  // What ops are made of.

  // A new value [rows, cols], uninitialised. needs_gradient: whether a gradient must flow to it;
  // false on a tape that does not record.
  Var NewVar(size_t rows, size_t cols, bool needs_gradient);
  // A value that lives elsewhere until Reset (a parameter's), and where its gradient is added;
  // null gradient where it needs none.
  Var NewAlias(const float* value, size_t rows, size_t cols, float* gradient);
  bool NeedsGradient(Var x) const { return node(x).needs_gradient; }
  math::MatrixView MutableValue(Var x);
  // Where an op adds its part of the gradient of x; zero before the first. x needs a gradient.
  math::MatrixView Gradient(Var x);
  // Scratch, uninitialised, valid until Reset.
  std::span<float> Scratch(size_t n) { return arena_.Allocate<float>(n); }
  template <typename T>
  std::span<T> Scratch(size_t n) {
    return arena_.Allocate<T>(n);
  }
  // A copy that lives until Reset.
  template <typename T>
  std::span<const T> Keep(std::span<const T> values) {
    std::span<T> copy = arena_.Allocate<T>(values.size());
    for (size_t i = 0; i < values.size(); ++i) copy[i] = values[i];
    return copy;
  }
  // Records how the gradient goes back from the value `output`; `backward` is called as
  // backward(Tape&), only where output received a gradient. It may capture Vars, spans of this
  // tape, plain values and parameters' addresses.
  template <typename F>
  void Record(Var output, F backward) {
    const F* kept = arena_.New(std::move(backward));
    steps_.push_back({output.index(), kept,
                      [](const void* f, Tape& tape) { (*static_cast<const F*>(f))(tape); }});
  }

 private:
  friend class Var;
  struct Node {
    const float* value;
    float* owned;     // value where it is in the arena, null for an alias
    float* gradient;  // null until something is added
    size_t rows;
    size_t cols;
    bool needs_gradient;
  };
  struct Step {
    int32_t output;
    const void* closure;
    void (*run)(const void*, Tape&);
  };

  const Node& node(Var x) const { return nodes_[static_cast<size_t>(x.index())]; }
  void RunBackward();

  Workers* workers_;
  Rng rng_;
  Recording recording_;
  Mode mode_;
  uint64_t step_ = 0;
  Arena arena_;
  std::vector<Node> nodes_;
  std::vector<Step> steps_;
};

namespace internal {
[[noreturn]] void DieOfBadUse(const char* op, const char* expectation);
}  // namespace internal

}  // namespace tandem::nn

// Ends the program with the op and the expectation: a defect of the calling code.
#define TANDEM_NN_CHECK(condition, op)                                     \
  do {                                                                     \
    if (!(condition)) ::tandem::nn::internal::DieOfBadUse(op, #condition); \
  } while (false)
