#include "tandem/math/tile_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/math/tile_bounds.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::math {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

int32_t OneSumBar(const SumBar& bar, const TileCode& code) {
  const double lost =
      bar.by_norm * static_cast<double>(code.norm) + bar.by_error * static_cast<double>(code.error);
  const double sum =
      (bar.needed - lost) / (bar.scale * static_cast<double>(code.scale)) + bar.offset;
  constexpr double kMost = 1 << 30;
  return static_cast<int32_t>(std::floor(std::max(-kMost, std::min(sum, kMost))));
}

// Of so many codes as the vectors of doubles have lanes.
template <class D>
HWY_INLINE auto SomeSumBars(D d, const SumBar& bar, const TileCode* HWY_RESTRICT codes) {
  const hn::Rebind<float, D> df;
  const hn::Rebind<int32_t, D> di;
  auto scale = hn::Undefined(df);
  auto error = hn::Undefined(df);
  auto norm = hn::Undefined(df);
  hn::LoadInterleaved3(df, &codes->scale, scale, error, norm);
  auto left = hn::Set(d, bar.needed);
  left = hn::NegMulAdd(hn::Set(d, bar.by_norm), hn::PromoteTo(d, norm), left);
  left = hn::NegMulAdd(hn::Set(d, bar.by_error), hn::PromoteTo(d, error), left);
  const auto step = hn::Mul(hn::Set(d, bar.scale), hn::PromoteTo(d, scale));
  const auto sum = hn::Add(hn::Div(left, step), hn::Set(d, bar.offset));
  const auto most = hn::Set(d, 1 << 30);
  return hn::DemoteTo(di, hn::Floor(hn::Max(hn::Neg(most), hn::Min(sum, most))));
}

void SumBarsKernel(const SumBar& bar, const TileCode* HWY_RESTRICT codes, size_t count,
                   int32_t* HWY_RESTRICT bars) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(SomeSumBars(d, bar, codes + i), di, bars + i);
  for (; i < count; ++i) bars[i] = OneSumBar(bar, codes[i]);
}

template <class D>
HWY_INLINE hn::Vec<D> SomeBounds(D d, const BoxBounds& bounds, size_t i) {
  auto sum = hn::Mul(hn::Set(d, bounds.a), hn::LoadU(d, bounds.x + i));
  sum = hn::MulAdd(hn::Set(d, bounds.b), hn::LoadU(d, bounds.y + i), sum);
  return hn::MulAdd(hn::Set(d, bounds.c), hn::LoadU(d, bounds.z + i), sum);
}

float OneBound(const BoxBounds& bounds, size_t i) {
  return bounds.a * bounds.x[i] + bounds.b * bounds.y[i] + bounds.c * bounds.z[i];
}

void BoundBoxesKernel(const BoxBounds& bounds, float* HWY_RESTRICT out, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(SomeBounds(d, bounds, i), d, out + i);
  for (; i < n; ++i) out[i] = OneBound(bounds, i);
}

// Whole vectors are stored behind those so far, which are no more than the tiles so far.
size_t BoxesInReachKernel(const BoxBounds& bounds, float least, const SumBar& bar,
                          const TileCode* HWY_RESTRICT codes, size_t n, uint32_t first,
                          uint32_t* HWY_RESTRICT which, int32_t* HWY_RESTRICT bars) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<uint32_t, decltype(d)> du;
  const size_t lanes = hn::Lanes(d);
  size_t count = 0;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto reached = hn::Ge(SomeBounds(df, bounds, i), hn::Set(df, least));
    const size_t more = hn::CountTrue(df, reached);
    if (more == 0) continue;
    const auto numbers = hn::Iota(du, first + static_cast<uint32_t>(i));
    hn::StoreU(hn::Compress(numbers, hn::RebindMask(du, reached)), du, which + count);
    const auto sums = SomeSumBars(d, bar, codes + i);
    hn::StoreU(hn::Compress(sums, hn::RebindMask(di, reached)), di, bars + count);
    count += more;
  }
  for (; i < n; ++i) {
    if (!(OneBound(bounds, i) >= least)) continue;  // not a number is none
    which[count] = first + static_cast<uint32_t>(i);
    bars[count++] = OneSumBar(bar, codes[i]);
  }
  return count;
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

HWY_EXPORT(SumBarsKernel);
HWY_EXPORT(BoundBoxesKernel);
HWY_EXPORT(BoxesInReachKernel);
HWY_EXPORT(LargestMagnitudeKernel);
HWY_EXPORT(QuantiseTileKernel);

void SumBars(const SumBar& bar, std::span<const TileCode> codes, int32_t* bars) {
  HWY_DYNAMIC_DISPATCH(SumBarsKernel)(bar, codes.data(), codes.size(), bars);
}

void BoundBoxes(const BoxBounds& bounds, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(BoundBoxesKernel)(bounds, out.data(), out.size());
}

size_t BoxesInReach(const BoxBounds& bounds, float least, const SumBar& bar,
                    std::span<const TileCode> codes, uint32_t first, uint32_t* which,
                    int32_t* bars) {
  return HWY_DYNAMIC_DISPATCH(BoxesInReachKernel)(bounds, least, bar, codes.data(), codes.size(),
                                                  first, which, bars);
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
