#include "tandem/math/tiles.h"

#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/math/tiles.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::math {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

int32_t FourCodes(const int8_t* codes) {
  int32_t four = 0;
  std::memcpy(&four, codes, sizeof(four));
  return four;
}

// Highway 1.0.3 has no product of bytes: intrinsics where the machine has one.
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3
constexpr size_t kLanes = 16;
using Sums = __m512i;
using Bits = uint16_t;

Sums Zeros() { return _mm512_setzero_si512(); }
Sums Codes(const int8_t* query) { return _mm512_set1_epi32(FourCodes(query)); }
Sums AddProducts(Sums sum, const uint8_t* rows, Sums codes) {
  const Sums bytes = _mm512_loadu_si512(rows);
#if HWY_TARGET == HWY_AVX3_DL
  // Highway's target does not name the intrinsic's instruction set, so that it cannot be inlined.
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(codes));
  return sum;
#else
  const Sums pairs = _mm512_maddubs_epi16(bytes, codes);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}
uint64_t AtLeast(Sums sum, int32_t threshold) {
  return _mm512_cmpge_epi32_mask(sum, _mm512_set1_epi32(threshold));
}
#elif HWY_TARGET == HWY_AVX2
constexpr size_t kLanes = 8;
using Sums = __m256i;

Sums Zeros() { return _mm256_setzero_si256(); }
Sums Codes(const int8_t* query) { return _mm256_set1_epi32(FourCodes(query)); }
Sums AddProducts(Sums sum, const uint8_t* rows, Sums codes) {
  const Sums pairs =
      _mm256_maddubs_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows)), codes);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
uint64_t AtLeast(Sums sum, int32_t threshold) {
  const Sums below = _mm256_cmpgt_epi32(_mm256_set1_epi32(threshold), sum);
  const int bits = _mm256_movemask_ps(_mm256_castsi256_ps(below));
  return static_cast<uint64_t>(bits ^ 0xFF);
}
#else
constexpr size_t kLanes = 8;
struct Sums {
  int32_t lane[kLanes];
};

Sums Zeros() { return {}; }
struct QueryCodes {
  int8_t code[kTileGroup];
};
QueryCodes Codes(const int8_t* query) {
  QueryCodes codes;
  std::memcpy(codes.code, query, kTileGroup);
  return codes;
}
Sums AddProducts(Sums sum, const uint8_t* rows, QueryCodes codes) {
  for (size_t r = 0; r < kLanes; ++r) {
    for (size_t j = 0; j < kTileGroup; ++j) {
      sum.lane[r] += int32_t{rows[r * kTileGroup + j]} * int32_t{codes.code[j]};
    }
  }
  return sum;
}
uint64_t AtLeast(const Sums& sum, int32_t threshold) {
  uint64_t bits = 0;
  for (size_t r = 0; r < kLanes; ++r) bits |= uint64_t{sum.lane[r] >= threshold} << r;
  return bits;
}
#endif

constexpr size_t kVectors = kTileRows / kLanes;

// The sums begin with the first products: gcc would fill the array with zeros in memory.
HWY_INLINE void SumTile(const int8_t* HWY_RESTRICT query, size_t groups,
                        const uint8_t* HWY_RESTRICT tile, Sums (&sums)[kVectors]) {
  constexpr size_t kBytes = kLanes * kTileGroup;
  const auto first = Codes(query);
  for (size_t v = 0; v < kVectors; ++v) sums[v] = AddProducts(Zeros(), tile + v * kBytes, first);
  for (size_t g = 1; g < groups; ++g) {
    tile += kTileRows * kTileGroup;
    const auto codes = Codes(query + g * kTileGroup);
    for (size_t v = 0; v < kVectors; ++v) {
      sums[v] = AddProducts(sums[v], tile + v * kBytes, codes);
    }
  }
}

// A tile that is picked lies anywhere: it is on its way while the one before is added up.
void RowsAtLeastKernel(const int8_t* HWY_RESTRICT query, size_t groups,
                       const uint8_t* HWY_RESTRICT tiles, const uint32_t* HWY_RESTRICT which,
                       size_t count, const int32_t* HWY_RESTRICT thresholds,
                       uint64_t* HWY_RESTRICT rows) {
  const size_t bytes = groups * kTileRows * kTileGroup;
  for (size_t i = 0; i < count; ++i) {
    if (i + 1 < count) {
      const uint8_t* const next = tiles + which[i + 1] * bytes;
      for (size_t j = 0; j < bytes; j += 64) __builtin_prefetch(next + j);
    }
    Sums sums[kVectors];
    SumTile(query, groups, tiles + which[i] * bytes, sums);
    uint64_t bits = 0;
    for (size_t v = 0; v < kVectors; ++v) bits |= AtLeast(sums[v], thresholds[i]) << (v * kLanes);
    rows[i] = bits;
  }
}

void RowSumsKernel(const int8_t* HWY_RESTRICT query, size_t groups,
                   const uint8_t* HWY_RESTRICT tiles, const uint32_t* HWY_RESTRICT which,
                   size_t count, int32_t* HWY_RESTRICT sums) {
  for (size_t i = 0; i < count; ++i) {
    Sums vectors[kVectors];
    SumTile(query, groups, tiles + which[i] * (groups * kTileRows * kTileGroup), vectors);
    std::memcpy(sums + i * kTileRows, vectors, sizeof(vectors));
  }
}

void SumsBetweenKernel(const int32_t* HWY_RESTRICT sums, const int32_t* HWY_RESTRICT least,
                       const int32_t* HWY_RESTRICT end, size_t count, uint64_t* HWY_RESTRICT rows) {
  for (size_t i = 0; i < count; ++i, sums += kTileRows) {
    uint64_t bits = 0;
    for (size_t v = 0; v < kVectors; ++v) {
      Sums vector;
      std::memcpy(&vector, sums + v * kLanes, sizeof(vector));
      bits |= (AtLeast(vector, least[i]) & ~AtLeast(vector, end[i])) << (v * kLanes);
    }
    rows[i] = bits;
  }
}

void LargestOfLinesKernel(const SumLine* HWY_RESTRICT lines, size_t count,
                          const int32_t* HWY_RESTRICT sums, size_t columns,
                          float* HWY_RESTRICT largest) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  for (size_t column = 0; column < columns; ++column, largest += kTileRows) {
    for (size_t r = 0; r < kTileRows; r += hn::Lanes(d)) {
      auto best = hn::Set(d, -std::numeric_limits<float>::infinity());
      for (size_t i = column; i < count; i += columns) {
        const auto sum = hn::ConvertTo(d, hn::LoadU(di, sums + i * kTileRows + r));
        best = hn::Max(best, hn::MulAdd(hn::Set(d, lines[i].a), sum, hn::Set(d, lines[i].b)));
      }
      hn::StoreU(best, d, largest + r);
    }
  }
}

void WeightedSumKernel(float a, const float* HWY_RESTRICT x, float b, const float* HWY_RESTRICT y,
                       float c, const float* HWY_RESTRICT z, float* HWY_RESTRICT out, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto sum = hn::Mul(hn::Set(d, a), hn::LoadU(d, x + i));
    sum = hn::MulAdd(hn::Set(d, b), hn::LoadU(d, y + i), sum);
    sum = hn::MulAdd(hn::Set(d, c), hn::LoadU(d, z + i), sum);
    hn::StoreU(sum, d, out + i);
  }
  for (; i < n; ++i) out[i] = a * x[i] + b * y[i] + c * z[i];
}

float LargestMagnitudeKernel(const float* HWY_RESTRICT columns, size_t stride, size_t h) {
  const hn::ScalableTag<float> d;
  auto largest = hn::Zero(d);
  for (size_t j = 0; j < h; ++j, columns += stride) {
    for (size_t r = 0; r < kTileRows; r += hn::Lanes(d)) {
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, columns + r)));
    }
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// In steps, so that no square underflows. The quotient, at most 127, is off by two roundings; that
// of a rest is made larger by more than those.
Quantised QuantiseTileKernel(const float* HWY_RESTRICT columns, size_t stride, size_t h,
                             const float* HWY_RESTRICT rests, float step,
                             uint8_t* HWY_RESTRICT tile, size_t groups) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto inverse = hn::Set(d, 1 / step);
  const auto above = hn::Set(d, 1.000001F / step);
  auto most_error = hn::Zero(d);
  auto most_norm = hn::Zero(d);
  for (size_t r = 0; r < kTileRows; r += hn::Lanes(d)) {
    auto error = hn::Zero(d);
    auto norm = hn::Zero(d);
    for (size_t g = 0; g < groups; ++g) {
      auto bytes = hn::Zero(di);
      for (size_t j = g * kTileGroup; j < (g + 1) * kTileGroup; ++j) {
        auto code = hn::Zero(di);
        if (j < h) {
          const auto steps = hn::Mul(hn::LoadU(d, columns + j * stride + r), inverse);
          code = hn::NearestInt(steps);
          const auto whole = hn::ConvertTo(d, code);
          const auto left = hn::Sub(steps, whole);
          error = hn::MulAdd(left, left, error);
          norm = hn::MulAdd(whole, whole, norm);
          code = hn::Add(code, hn::Set(di, kCodeOffset));
        } else if (j == h && rests != nullptr) {
          code = hn::ConvertTo(di, hn::Ceil(hn::Mul(hn::LoadU(d, rests + r), above)));
        }
        bytes = hn::Or(bytes, hn::ShiftLeftSame(code, static_cast<int>(8 * (j % kTileGroup))));
      }
      HWY_ALIGN int32_t words[HWY_MAX_BYTES / sizeof(int32_t)];
      hn::Store(bytes, di, words);
      std::memcpy(tile + (g * kTileRows + r) * kTileGroup, words, hn::Lanes(d) * kTileGroup);
    }
    most_error = hn::Max(most_error, error);
    most_norm = hn::Max(most_norm, norm);
  }
  return {hn::GetLane(hn::MaxOfLanes(d, most_error)), hn::GetLane(hn::MaxOfLanes(d, most_norm))};
}

}  // namespace HWY_NAMESPACE
}  // namespace tandem::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::math {

HWY_EXPORT(RowsAtLeastKernel);
HWY_EXPORT(RowSumsKernel);
HWY_EXPORT(SumsBetweenKernel);
HWY_EXPORT(LargestOfLinesKernel);
HWY_EXPORT(WeightedSumKernel);
HWY_EXPORT(LargestMagnitudeKernel);
HWY_EXPORT(QuantiseTileKernel);

void RowsAtLeast(std::span<const int8_t> query, const uint8_t* tiles,
                 std::span<const uint32_t> which, const int32_t* thresholds, uint64_t* rows) {
  HWY_DYNAMIC_DISPATCH(RowsAtLeastKernel)
  (query.data(), query.size() / kTileGroup, tiles, which.data(), which.size(), thresholds, rows);
}

void RowSums(std::span<const int8_t> query, const uint8_t* tiles, std::span<const uint32_t> which,
             int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(RowSumsKernel)
  (query.data(), query.size() / kTileGroup, tiles, which.data(), which.size(), sums);
}

void SumsBetween(const int32_t* sums, std::span<const int32_t> least, const int32_t* end,
                 uint64_t* rows) {
  HWY_DYNAMIC_DISPATCH(SumsBetweenKernel)(sums, least.data(), end, least.size(), rows);
}

void LargestOfLines(std::span<const SumLine> lines, const int32_t* sums, std::span<float> largest) {
  HWY_DYNAMIC_DISPATCH(LargestOfLinesKernel)
  (lines.data(), lines.size(), sums, largest.size() / kTileRows, largest.data());
}

void WeightedSum(float a, const float* x, float b, const float* y, float c, const float* z,
                 std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(WeightedSumKernel)(a, x, b, y, c, z, out.data(), out.size());
}

float LargestMagnitude(const float* columns, size_t stride, size_t h) {
  return HWY_DYNAMIC_DISPATCH(LargestMagnitudeKernel)(columns, stride, h);
}

Quantised QuantiseTile(const float* columns, size_t stride, size_t h, const float* rests,
                       float step, std::span<uint8_t> tile) {
  return HWY_DYNAMIC_DISPATCH(QuantiseTileKernel)(columns, stride, h, rests, step, tile.data(),
                                                  tile.size() / (kTileRows * kTileGroup));
}

}  // namespace tandem::math
#endif  // HWY_ONCE
