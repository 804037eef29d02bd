// One query as a scan needs it: turned to the axes, as bytes, with what bounds the scores of items
// from above. Immutable; the data must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/index/scan_data.h"

namespace tandem::index {

class ScanQuery {
 public:
  // query [dimension], finite, for kCosine of length 1 or zero.
  ScanQuery(const ScanData& data, std::span<const float> query);

  // Whether products of floats could overflow, so that nothing may be ruled out.
  bool rules_nothing_out() const { return rules_nothing_out_; }
  std::span<const int8_t> codes() const { return codes_; }

  // The least inner product, without q' . m, with which an item may reach this score.
  double Needed(float score) const;
  // Upper bounds on the inner products of the boxes from `begin` on, without q' . m.
  void BoundBoxes(const Boxes& boxes, size_t begin, std::span<float> bounds) const;
  // What a sum of bytes must reach for its item to reach `needed`.
  int32_t Bar(const TileCode& code, double needed) const;
  // The bound that Bar turns around, as a line over the sums, to compare items of several tiles by;
  // rounded.
  math::SumLine BoundOf(const TileCode& code) const;

 private:
  void Encode(std::span<const float> head, double tail);
  double Lost(const TileCode& code) const;

  const ScanData& data_;
  bool rules_nothing_out_ = false;
  std::vector<int8_t> codes_;  // [4 groups]
  double scale_ = 1;           // of codes_
  double code_error_ = 0;      // |W' q' - what codes_ say|
  double norm_ = 0;            // |W' q'|
  double offset_ = 0;          // of sums of bytes: math::kCodeOffset times the sum of codes_
  double shift_ = 0;           // q' . m
  double slack_ = 0;           // what rounding can do to a bound and a score
  double square_ = 0;          // |q|^2
  float along_[2] = {};        // the first two parts of W' q'
  float rest_ = 0;             // norm of the others and of what the axes leave
};

}  // namespace tandem::index
