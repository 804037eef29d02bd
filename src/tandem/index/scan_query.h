// One query as a scan needs it: turned to the axes, as bytes, with what bounds the scores of items
// from above. Immutable; the data must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tandem/index/scan_data.h"

namespace tandem::index {

// The parts of a query along some axes and the norm of its rest as bytes, and what a sum of them
// with an item's bytes says of their inner product.
class QueryCodes {
 public:
  // So many groups of four codes, more than `head` needs if there is a tail.
  void Encode(std::span<const float> head, double tail, size_t groups);

  std::span<const int8_t> codes() const { return codes_; }
  // What sums of bytes must reach for their items to reach the inner product `needed`.
  math::SumBar SumBarFor(double needed) const;
  int32_t Bar(const TileCode& tile, double needed) const;
  // The bound that Bar turns around, as a line over the sums, to compare items of several tiles by;
  // rounded.
  math::SumLine BoundOf(const TileCode& code) const;

 private:
  double Lost(const TileCode& code) const;

  std::vector<int8_t> codes_;  // [4 groups]
  double scale_ = 1;           // of codes_
  double error_ = 0;           // |head - what codes_ say|
  double norm_ = 0;            // |head|
  double offset_ = 0;          // of sums of bytes: math::kCodeOffset times the sum of codes_
};

class ScanQuery {
 public:
  // query [dimension], finite, for kCosine of length 1 or zero.
  ScanQuery(const ScanData& data, std::span<const float> query);

  // Whether products of floats could overflow, so that nothing may be ruled out.
  bool rules_nothing_out() const { return rules_nothing_out_; }
  // For tiles.
  const QueryCodes& codes() const { return codes_; }
  // For sketches, of which there are some.
  QueryCodes SketchCodes() const;

  // The least inner product, without q' . m, with which an item may reach this score.
  double Needed(float score) const;
  // Upper bounds on the inner products of the items of boxes, without q' . m.
  void BoundBoxes(const Boxes& boxes, std::span<float> bounds) const {
    math::BoundBoxes(Bounds(boxes, 0), bounds);
  }
  // Of the tiles from `begin` on.
  void BoundTiles(size_t begin, std::span<float> bounds) const {
    math::BoundBoxes(Bounds(data_.tile_boxes, begin), bounds);
  }
  // Of `count` tiles from `begin` on, those that may hold an item whose inner product is `needed`,
  // ascending, and what their sums must reach then; how many. tiles and bars [count].
  size_t TilesInReach(size_t begin, size_t count, double needed, uint32_t* tiles,
                      int32_t* bars) const;
  // Has what that reads of a block on its way.
  void PrefetchBounds(size_t block) const;

 private:
  // Of the boxes from `begin` on.
  math::BoxBounds Bounds(const Boxes& boxes, size_t begin) const;
  // The norm of what is not in the first parts along the axes, rounding allowed for.
  double RestBeyond(size_t axes) const;

  const ScanData& data_;
  bool rules_nothing_out_ = false;
  std::vector<float> head_;  // W' q'
  QueryCodes codes_;
  double shift_ = 0;         // q' . m
  double slack_ = 0;         // what rounding can do to a bound and a score
  double square_ = 0;        // |q - c|^2 of kL2
  double inner_square_ = 0;  // |q'|^2
  float along_[2] = {};      // the first two of head_
  float rest_ = 0;           // norm of the others and of what the axes leave
};

}  // namespace tandem::index
