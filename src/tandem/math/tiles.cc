#include "tandem/math/tiles.h"

#include <algorithm>
#include <cmath>
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
Sums Larger(Sums a, Sums b) { return _mm512_max_epi32(a, b); }
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
Sums Larger(Sums a, Sums b) { return _mm256_max_epi32(a, b); }
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
Sums Larger(Sums a, const Sums& b) {
  for (size_t r = 0; r < kLanes; ++r) a.lane[r] = std::max(a.lane[r], b.lane[r]);
  return a;
}
uint64_t AtLeast(const Sums& sum, int32_t threshold) {
  uint64_t bits = 0;
  for (size_t r = 0; r < kLanes; ++r) bits |= uint64_t{sum.lane[r] >= threshold} << r;
  return bits;
}
#endif

constexpr size_t kVectors = kTileRows / kLanes;
constexpr size_t kTogether = kLanes / 4;  // queries whose sums fit into the registers

// Of some vectors of sums of a tile. Mostly none reaches it: that is seen by the largest of them.
template <size_t kCount>
HWY_INLINE uint64_t BitsAtLeast(const Sums (&sums)[kCount], int32_t threshold) {
  Sums largest = sums[0];
  for (size_t v = 1; v < kCount; ++v) largest = Larger(largest, sums[v]);
  if (AtLeast(largest, threshold) == 0) return 0;
  uint64_t bits = 0;
  for (size_t v = 0; v < kCount; ++v) bits |= AtLeast(sums[v], threshold) << (v * kLanes);
  return bits;
}

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

void RowsAtLeastKernel(const int8_t* HWY_RESTRICT query, size_t groups,
                       const uint8_t* HWY_RESTRICT tiles, const uint32_t* HWY_RESTRICT which,
                       size_t count, const int32_t* HWY_RESTRICT thresholds,
                       uint64_t* HWY_RESTRICT rows) {
  const size_t bytes = groups * kTileRows * kTileGroup;
  for (size_t i = 0; i < count; ++i) {
    Sums sums[kVectors];
    SumTile(query, groups, tiles + which[i] * bytes, sums);
    rows[i] = BitsAtLeast(sums, thresholds[i]);
  }
}

// Of `kQueries` queries with a tile, a part of it after another: what is loaded of the tile is
// added up for each of them.
template <size_t kQueries>
HWY_INLINE void RowsOfTile(const int8_t* const (&queries)[kQueries], size_t groups,
                           const uint8_t* HWY_RESTRICT tile, const int32_t* HWY_RESTRICT thresholds,
                           uint64_t* HWY_RESTRICT rows) {
  constexpr size_t kPart = 4;  // vectors
  constexpr size_t kBytes = kLanes * kTileGroup;
  for (size_t q = 0; q < kQueries; ++q) rows[q] = 0;
  for (size_t part = 0; part < kVectors; part += kPart) {
    Sums sums[kQueries][kPart];
    for (size_t q = 0; q < kQueries; ++q) {
      for (size_t v = 0; v < kPart; ++v) sums[q][v] = Zeros();
    }
    const uint8_t* bytes = tile + part * kBytes;
    for (size_t g = 0; g < groups; ++g, bytes += kTileRows * kTileGroup) {
      for (size_t q = 0; q < kQueries; ++q) {
        const auto codes = Codes(queries[q] + g * kTileGroup);
        for (size_t v = 0; v < kPart; ++v) {
          sums[q][v] = AddProducts(sums[q][v], bytes + v * kBytes, codes);
        }
      }
    }
    for (size_t q = 0; q < kQueries; ++q) {
      rows[q] |= BitsAtLeast(sums[q], thresholds[q]) << (part * kLanes);
    }
  }
}

void RowsAtLeastForEachKernel(const int8_t* HWY_RESTRICT queries, size_t groups,
                              const uint32_t* HWY_RESTRICT which, size_t count,
                              const uint8_t* HWY_RESTRICT tile,
                              const int32_t* HWY_RESTRICT thresholds, uint64_t* HWY_RESTRICT rows) {
  const auto query = [&](size_t i) { return queries + which[i] * groups * kTileGroup; };
  size_t i = 0;
  for (; i + kTogether <= count; i += kTogether) {
    const int8_t* together[kTogether];
    for (size_t q = 0; q < kTogether; ++q) together[q] = query(i + q);
    RowsOfTile(together, groups, tile, thresholds + i, rows + i);
  }
  for (; i < count; ++i) {
    const int8_t* const one[] = {query(i)};
    RowsOfTile(one, groups, tile, thresholds + i, rows + i);
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

int32_t OneSumBar(const SumBar& bar, const TileCode& code) {
  const double lost =
      bar.by_norm * static_cast<double>(code.norm) + bar.by_error * static_cast<double>(code.error);
  const double sum =
      (bar.needed - lost) / (bar.scale * static_cast<double>(code.scale)) + bar.offset;
  constexpr double kMost = 1 << 30;
  return static_cast<int32_t>(std::floor(std::max(-kMost, std::min(sum, kMost))));
}

void SumBarsKernel(const SumBar& bar, const TileCode* HWY_RESTRICT codes, size_t count,
                   int32_t* HWY_RESTRICT bars) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
  const auto most = hn::Set(d, 1 << 30);
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto scale = hn::Undefined(df);
    auto error = hn::Undefined(df);
    auto norm = hn::Undefined(df);
    hn::LoadInterleaved3(df, &codes[i].scale, scale, error, norm);
    auto left = hn::Set(d, bar.needed);
    left = hn::NegMulAdd(hn::Set(d, bar.by_norm), hn::PromoteTo(d, norm), left);
    left = hn::NegMulAdd(hn::Set(d, bar.by_error), hn::PromoteTo(d, error), left);
    const auto step = hn::Mul(hn::Set(d, bar.scale), hn::PromoteTo(d, scale));
    const auto sum = hn::Add(hn::Div(left, step), hn::Set(d, bar.offset));
    const auto within = hn::Max(hn::Neg(most), hn::Min(sum, most));
    hn::StoreU(hn::DemoteTo(di, hn::Floor(within)), di, bars + i);
  }
  for (; i < count; ++i) bars[i] = OneSumBar(bar, codes[i]);
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
HWY_EXPORT(RowsAtLeastForEachKernel);
HWY_EXPORT(RowSumsKernel);
HWY_EXPORT(SumsBetweenKernel);
HWY_EXPORT(LargestOfLinesKernel);
HWY_EXPORT(SumBarsKernel);
HWY_EXPORT(WeightedSumKernel);
HWY_EXPORT(LargestMagnitudeKernel);
HWY_EXPORT(QuantiseTileKernel);

void RowsAtLeast(std::span<const int8_t> query, const uint8_t* tiles,
                 std::span<const uint32_t> which, const int32_t* thresholds, uint64_t* rows) {
  HWY_DYNAMIC_DISPATCH(RowsAtLeastKernel)
  (query.data(), query.size() / kTileGroup, tiles, which.data(), which.size(), thresholds, rows);
}

void RowsAtLeastForEach(const int8_t* queries, std::span<const uint32_t> which,
                        std::span<const uint8_t> tile, const int32_t* thresholds, uint64_t* rows) {
  HWY_DYNAMIC_DISPATCH(RowsAtLeastForEachKernel)
  (queries, tile.size() / (kTileRows * kTileGroup), which.data(), which.size(), tile.data(),
   thresholds, rows);
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

void SumBars(const SumBar& bar, std::span<const TileCode> codes, int32_t* bars) {
  HWY_DYNAMIC_DISPATCH(SumBarsKernel)(bar, codes.data(), codes.size(), bars);
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
