// Small pure transforms: one value of a record in, one number (or a few) out. The same code runs
// in training and in serving. Immutable, safe to use from many threads; nothing here fails on a
// value, only on a wrong configuration (kInvalidArgument).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/feature/vocabulary.h"

namespace tandem::feature {

// Ids of the tokens, 0 for unknown ones; as long as `tokens`.
std::vector<int32_t> Lookup(const Vocabulary& vocabulary, std::span<const std::string_view> tokens);

// A bucket in [0, buckets) by the token's checksum; another salt gives an independent hash.
// buckets > 0.
int64_t HashBucket(std::string_view token, int64_t buckets, uint64_t salt = 0);

// The parts between separators, without the empty ones; views into `text`. An empty separator
// leaves the text whole.
std::vector<std::string_view> SplitList(std::string_view text, std::string_view separator);

// Bucket i holds the values in [boundaries[i-1], boundaries[i]), as Keras's Discretization does;
// there is one bucket more than boundaries. NaN goes to bucket 0.
class Bucketize {
 public:
  // Boundaries are finite and strictly ascending.
  static Result<Bucketize> Create(std::vector<double> boundaries);
  int32_t operator()(double value) const;
  int32_t buckets() const { return static_cast<int32_t>(boundaries_.size()) + 1; }

 private:
  explicit Bucketize(std::vector<double> boundaries) : boundaries_(std::move(boundaries)) {}
  std::vector<double> boundaries_;
};

// (value - mean) / deviation.
class Normalize {
 public:
  // Both finite, deviation > 0.
  static Result<Normalize> Create(double mean, double deviation);
  // The mean and population deviation of the values; a deviation of 0 becomes 1, so that a
  // constant column turns into zeros. At least one value, all finite.
  static Result<Normalize> Fit(std::span<const double> values);

  float operator()(double value) const { return static_cast<float>((value - mean_) / deviation_); }
  double mean() const { return mean_; }
  double deviation() const { return deviation_; }

 private:
  Normalize(double mean, double deviation) : mean_(mean), deviation_(deviation) {}
  double mean_;
  double deviation_;
};

}  // namespace tandem::feature
