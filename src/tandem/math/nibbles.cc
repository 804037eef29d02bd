#include "tandem/math/nibbles.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/math/nibbles.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::math {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Sums = hn::CappedTag<int16_t, kNibbleRows>;
using Words = hn::RebindToUnsigned<Sums>;
using Sum = hn::Vec<Sums>;
using Word = hn::Vec<Words>;
constexpr size_t kRowsOfVector = hn::MaxLanes(Sums());

// What is multiplied with the four codes of a row in one word, for all rows.
struct Factors {
  Sum parts[4];
};

#undef TANDEM_NIBBLES_MADDUBS
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
#define TANDEM_NIBBLES_MADDUBS 1
#else
#define TANDEM_NIBBLES_MADDUBS 0
#endif

#if TANDEM_NIBBLES_MADDUBS
Sum MultiplyBytes(Word codes, Sum factors) {
#if HWY_TARGET == HWY_AVX2
  return Sum{_mm256_maddubs_epi16(codes.raw, factors.raw)};
#else
  return Sum{_mm512_maddubs_epi16(codes.raw, factors.raw)};
#endif
}
#endif

Factors LoadFactors(const int8_t* HWY_RESTRICT query) {
  const Sums d;
  Factors factors;
#if TANDEM_NIBBLES_MADDUBS
  // Twice a pair of bytes in a word, from registers: bytes in memory written or read in other
  // widths would wait for each other.
  const hn::RepartitionToWide<Words> dw;
  uint32_t word = 0;
  std::memcpy(&word, query, sizeof(word));
  factors.parts[0] = hn::BitCast(d, hn::Set(dw, (word & 0xFFFF) * 0x10001));
  factors.parts[1] = hn::BitCast(d, hn::Set(dw, (word >> 16) * 0x10001));
#else
  for (size_t i = 0; i < 4; ++i) factors.parts[i] = hn::Set(d, static_cast<int16_t>(query[i]));
#endif
  return factors;
}

Sum MultiplyAdd(Word word, const Factors& factors, Sum sum) {
  const Words d;
#if TANDEM_NIBBLES_MADDUBS
  const auto half = hn::Set(d, 0x0F0F);
  const auto lower = MultiplyBytes(hn::And(word, half), factors.parts[0]);
  const auto upper = MultiplyBytes(hn::And(hn::ShiftRight<4>(word), half), factors.parts[1]);
  return hn::Add(sum, hn::Add(lower, upper));
#else
  const Sums ds;
  const auto half = hn::Set(d, 0x000F);
  const auto part = [&](Word codes, size_t i) {
    return hn::Mul(hn::BitCast(ds, codes), factors.parts[i]);
  };
  const auto even =
      hn::Add(part(hn::And(word, half), 0), part(hn::And(hn::ShiftRight<4>(word), half), 2));
  const auto odd =
      hn::Add(part(hn::And(hn::ShiftRight<8>(word), half), 1), part(hn::ShiftRight<12>(word), 3));
  return hn::Add(sum, hn::Add(even, odd));
#endif
}

// Appends the rows of `kTiles` tiles side by side; as many tiles `ahead` bytes later come next.
template <size_t kTiles>
HWY_INLINE size_t ScanTiles(const int8_t* HWY_RESTRICT query, size_t width,
                            const uint8_t* HWY_RESTRICT tiles, size_t ahead, int16_t threshold,
                            size_t first_row, int32_t* HWY_RESTRICT places,
                            int16_t* HWY_RESTRICT sums, size_t found) {
  constexpr size_t kVectors = kNibbleRows / kRowsOfVector;  // of a tile
  constexpr size_t kGroup = 2 * kNibbleRows;                // bytes of four codes of a tile
  const Sums d;
  const Words dw;
  const size_t stride = width / 4 * kGroup;
  Sum totals[kTiles * kVectors];
  for (size_t v = 0; v < kTiles * kVectors; ++v) totals[v] = hn::Zero(d);
  for (size_t g = 0; g < width / 4; ++g) {
    const Factors factors = LoadFactors(query + 4 * g);
    // The same codes of later tiles: a list is too short for the processor to see where it goes.
    for (size_t t = 0; t < kTiles; ++t) hwy::Prefetch(tiles + ahead + t * stride + g * kGroup);
    for (size_t v = 0; v < kTiles * kVectors; ++v) {
      const uint8_t* const from = tiles + v / kVectors * stride + g * kGroup +
                                  v % kVectors * kRowsOfVector * sizeof(uint16_t);
      totals[v] =
          MultiplyAdd(hn::LoadU(dw, reinterpret_cast<const uint16_t*>(from)), factors, totals[v]);
    }
  }
  // Signed numbers have no Ge of 16 bits on every target: not less.
  const auto bound = hn::Set(d, threshold);
  for (size_t v = 0; v < kTiles * kVectors; ++v) {
    const auto below = hn::Lt(totals[v], bound);
    if (hn::AllTrue(d, below)) continue;
    HWY_ALIGN int16_t lanes[kRowsOfVector];
    hn::Store(totals[v], d, lanes);
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, hn::Not(below), bytes);
    uint64_t bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    if constexpr (kRowsOfVector < 64) bits &= (uint64_t{1} << kRowsOfVector) - 1;
    for (; bits != 0; bits &= bits - 1) {
      const size_t lane = hwy::Num0BitsBelowLS1Bit_Nonzero64(bits);
      places[found] = static_cast<int32_t>(first_row + v * kRowsOfVector + lane);
      sums[found++] = lanes[lane];
    }
  }
  return found;
}

size_t NibbleSumsAtLeastKernel(const int8_t* HWY_RESTRICT query, size_t width,
                               const uint8_t* HWY_RESTRICT tiles, size_t count, int16_t threshold,
                               int32_t* HWY_RESTRICT places, int16_t* HWY_RESTRICT sums) {
  const size_t stride = width / 4 * 2 * kNibbleRows;
  size_t found = 0;
  size_t tile = 0;
  for (; tile + 2 <= count; tile += 2) {
    const size_t ahead = tile + 4 <= count ? 2 * stride : 0;
    found = ScanTiles<2>(query, width, tiles + tile * stride, ahead, threshold, tile * kNibbleRows,
                         places, sums, found);
  }
  if (tile < count) {
    found = ScanTiles<1>(query, width, tiles + tile * stride, 0, threshold, tile * kNibbleRows,
                         places, sums, found);
  }
  return found;
}

}  // namespace HWY_NAMESPACE
}  // namespace tandem::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::math {

HWY_EXPORT(NibbleSumsAtLeastKernel);

void SetNibbles(std::span<const uint8_t> codes, size_t r, std::span<uint8_t> tile) {
  for (size_t j = 0; j < codes.size(); ++j) {
    uint8_t& byte = tile[(j / 4 * kNibbleRows + r) * 2 + j % 2];
    const int shift = j % 4 < 2 ? 0 : 4;
    byte = static_cast<uint8_t>((byte & ~(0xF << shift)) | (codes[j] & 0xF) << shift);
  }
}

size_t NibbleSumsAtLeast(std::span<const int8_t> query, std::span<const uint8_t> tiles,
                         int32_t threshold, std::span<int32_t> places, std::span<int16_t> sums) {
  if (query.empty() || threshold > INT16_MAX) return 0;
  const auto bound = static_cast<int16_t>(threshold < INT16_MIN ? INT16_MIN : threshold);
  return HWY_DYNAMIC_DISPATCH(NibbleSumsAtLeastKernel)(
      query.data(), query.size(), tiles.data(), tiles.size() / (query.size() * kNibbleRows / 2),
      bound, places.data(), sums.data());
}

}  // namespace tandem::math
#endif  // HWY_ONCE
