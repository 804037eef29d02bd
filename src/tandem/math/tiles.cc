#include "tandem/math/tiles.h"

#include <algorithm>
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

void CopyRow(const uint8_t* HWY_RESTRICT row, size_t groups, uint8_t* HWY_RESTRICT to) {
  for (size_t g = 0; g < groups; ++g) {
    std::memcpy(to + g * kTileRows * kTileGroup, row + g * kTileGroup, kTileGroup);
  }
}

// Four rows of four groups: what was a row becomes a column.
void CopyFourRows(const uint8_t* HWY_RESTRICT rows, const int32_t* HWY_RESTRICT which,
                  uint8_t* HWY_RESTRICT to) {
  constexpr size_t kBytes = 4 * kTileGroup;
#if HWY_TARGET == HWY_SCALAR
  for (size_t i = 0; i < 4; ++i) {
    CopyRow(rows + static_cast<size_t>(which[i]) * kBytes, 4, to + i * kTileGroup);
  }
#else
  const hn::FixedTag<uint32_t, 4> d;
  const hn::FixedTag<uint64_t, 2> pairs;
  const auto row = [&](size_t i) {
    const uint8_t* const from = rows + static_cast<size_t>(which[i]) * kBytes;
    return hn::LoadU(d, reinterpret_cast<const uint32_t*>(from));
  };
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, row(0), row(1)));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, row(2), row(3)));
  const auto up01 = hn::BitCast(pairs, hn::InterleaveUpper(d, row(0), row(1)));
  const auto up23 = hn::BitCast(pairs, hn::InterleaveUpper(d, row(2), row(3)));
  const auto store = [&](auto group, size_t g) {
    uint8_t* const at = to + g * kTileRows * kTileGroup;
    hn::StoreU(group, pairs, reinterpret_cast<uint64_t*>(at));
  };
  store(hn::InterleaveLower(pairs, low01, low23), 0);
  store(hn::InterleaveUpper(pairs, low01, low23), 1);
  store(hn::InterleaveLower(pairs, up01, up23), 2);
  store(hn::InterleaveUpper(pairs, up01, up23), 3);
#endif
}

void GatherTilesKernel(const uint8_t* HWY_RESTRICT rows, size_t groups,
                       const int32_t* HWY_RESTRICT which, size_t count,
                       uint8_t* HWY_RESTRICT tiles) {
  const size_t bytes = groups * kTileGroup;
  const auto place = [&](size_t i) {
    return tiles + (i / kTileRows * groups * kTileRows + i % kTileRows) * kTileGroup;
  };
  size_t i = 0;
  if (groups == 4) {
    for (; i + 4 <= count; i += 4) CopyFourRows(rows, which + i, place(i));
  }
  for (; i < count; ++i) CopyRow(rows + static_cast<size_t>(which[i]) * bytes, groups, place(i));
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

}  // namespace HWY_NAMESPACE
}  // namespace tandem::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::math {

HWY_EXPORT(RowsAtLeastKernel);
HWY_EXPORT(RowsAtLeastForEachKernel);
HWY_EXPORT(GatherTilesKernel);
HWY_EXPORT(RowSumsKernel);
HWY_EXPORT(SumsBetweenKernel);
HWY_EXPORT(LargestOfLinesKernel);

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

void GatherTiles(const uint8_t* rows, size_t groups, std::span<const int32_t> which,
                 uint8_t* tiles) {
  HWY_DYNAMIC_DISPATCH(GatherTilesKernel)(rows, groups, which.data(), which.size(), tiles);
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

}  // namespace tandem::math
#endif  // HWY_ONCE
