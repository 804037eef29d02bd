// Vector kernels, compiled for every instruction set of the machine's family and chosen at run
// time (Highway). Results are the same in every call on one machine; between instruction sets
// sums round differently. Spans of a call have equal lengths; any length, any alignment.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tandem::math {

// sum of a_i b_i
float Dot(std::span<const float> a, std::span<const float> b);
// y += alpha x
void Axpy(float alpha, std::span<const float> x, std::span<float> y);
// The largest element; -infinity where there is none.
float Max(std::span<const float> x);
// Whether no element is infinite or NaN.
bool AllFinite(std::span<const float> x);
// A value that at least k of the elements are not below, and mostly no more than k / 8 others;
// 1 <= k <= n, no NaN. The range is halved again and again: for some hundred of numbers that is
// faster than to partition them.
float LeastOfLargest(std::span<const float> x, size_t k);
// The indices of the elements that are not below `least`, no NaN, ascending, to indices [n]; how
// many there are. What is behind them is anything.
size_t IndicesAtLeast(std::span<const float> x, float least, uint32_t* indices);
// x_i = exp(x_i - shift) in place, 0 where x_i - shift < -87; returns their sum. The relative
// error of an element is below 2e-7 for x_i - shift in [-87, 87].
float ExpSubtractSum(std::span<float> x, float shift);
// sum of (a_i - b_i)^2
float SquaredDistance(std::span<const float> a, std::span<const float> b);
// scores_i = Dot(query, row i), to the bit: query [d], rows [scores, d].
void DotRows(std::span<const float> query, const float* rows, std::span<float> scores);
// scores_i = Dot(query, row places_i) and SquaredDistance of them, to the bit: query [d], rows
// [n, d], places below n.
void DotAt(std::span<const float> query, const float* rows, std::span<const uint32_t> places,
           std::span<float> scores);
void SquaredDistanceAt(std::span<const float> query, const float* rows,
                       std::span<const uint32_t> places, std::span<float> distances);

// How many bits are set.
size_t CountBits(std::span<const uint64_t> words);
// The numbers of the bits that are set, ascending, where that of the very first bit is `first`: of
// whole words, as long as `numbers` has room for 64 more. What is behind them is anything. About a
// share `density` of them is set, for speed alone.
struct ListedBits {
  size_t words;  // done
  size_t count;
};
ListedBits ListBits(std::span<const uint64_t> words, double density, int32_t first,
                    std::span<int32_t> numbers);

// x_i = scale code_i
void DecodeInt8(float scale, std::span<const int8_t> codes, std::span<float> x);

// "AVX2", "AVX3", ...: what this machine runs.
std::string_view TargetName();

}  // namespace tandem::math
