#include "tandem/math/kernels.h"

#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tandem/math/kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::math {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;

// The first `left` < lanes elements, zeros behind them. Highway's masked loads read whole
// vectors, aligned ones, on some targets.
hn::Vec<D> LoadSome(D d, const float* HWY_RESTRICT x, size_t left) {
  HWY_ALIGN float padded[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(padded, x, left * sizeof(float));
  return hn::Load(d, padded);
}

float DotKernel(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), sum1);
  }
  if (i + lanes <= n) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    i += lanes;
  }
  if (i < n) {
    sum1 = hn::MulAdd(LoadSome(d, a + i, n - i), LoadSome(d, b + i, n - i), sum1);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
}

void AxpyKernel(float alpha, const float* HWY_RESTRICT x, float* HWY_RESTRICT y, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, alpha);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += alpha * x[i];
}

float MaxKernel(const float* HWY_RESTRICT x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  float max = -std::numeric_limits<float>::infinity();
  size_t i = 0;
  if (n >= lanes) {
    auto best = hn::LoadU(d, x);
    for (i = lanes; i + lanes <= n; i += lanes) best = hn::Max(best, hn::LoadU(d, x + i));
    max = hn::GetLane(hn::MaxOfLanes(d, best));
  }
  for (; i < n; ++i) max = max < x[i] ? x[i] : max;
  return max;
}

// exp(x) = 2^k exp(r) with k = round(x / log 2) and |r| <= log(2) / 2; exp(r) by its Taylor
// polynomial of degree 7, whose rest is below |r|^8 / 8! < 6e-9: what is left is rounding.
template <class V>
V ExpOf(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto smallest = hn::Set(d, -87.0F);
  const auto is_zero = hn::Lt(x, smallest);
  const auto y = hn::Min(hn::Max(x, smallest), hn::Set(d, 88.0F));
  const auto k = hn::Round(hn::Mul(y, hn::Set(d, 1.44269504F)));
  // log 2 in two parts, so that k times the first is exact.
  auto r = hn::NegMulAdd(k, hn::Set(d, 0.693359375F), y);
  r = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4F), r);
  auto p = hn::Set(d, 1.0F / 5040);
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 720));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 120));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 24));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 6));
  p = hn::MulAdd(p, r, hn::Set(d, 0.5F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  const auto bits = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, k), hn::Set(di, 127)));
  return hn::IfThenZeroElse(is_zero, hn::Mul(p, hn::BitCast(d, bits)));
}

float ExpSubtractSumKernel(float* HWY_RESTRICT x, size_t n, float shift) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto by = hn::Set(d, shift);
  auto sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto e = ExpOf(d, hn::Sub(hn::LoadU(d, x + i), by));
    hn::StoreU(e, d, x + i);
    sum = hn::Add(sum, e);
  }
  if (i < n) {
    HWY_ALIGN float last[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(ExpOf(d, hn::Sub(LoadSome(d, x + i, n - i), by)), d, last);
    std::memcpy(x + i, last, (n - i) * sizeof(float));
    sum = hn::Add(sum, LoadSome(d, x + i, n - i));
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void ScoreTilesKernel(const float* HWY_RESTRICT query, const uint32_t* HWY_RESTRICT tiles,
                      size_t count, size_t width, float* HWY_RESTRICT scores) {
  constexpr size_t kHalf = kTileRows / 2;
  const hn::CappedTag<float, kHalf> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  constexpr size_t kLanes = hn::MaxLanes(hn::CappedTag<float, kHalf>());
  constexpr size_t kVectors = kHalf / kLanes;  // of words: eight sums in flight on AVX2
  const auto upper_half = hn::Set(du, 0xFFFF0000U);
  for (size_t tile = 0; tile < count; ++tile, tiles += width * kHalf, scores += kTileRows) {
    hn::Vec<decltype(d)> lower[kVectors];
    hn::Vec<decltype(d)> upper[kVectors];
    // The sums begin with the first products: gcc would fill zeros into memory, at a third of the
    // time of a scan.
    const auto first = hn::Set(d, query[0]);
    for (size_t v = 0; v < kVectors; ++v) {
      const auto words = hn::LoadU(du, tiles + v * kLanes);
      lower[v] = hn::Mul(first, hn::BitCast(d, hn::ShiftLeft<16>(words)));
      upper[v] = hn::Mul(first, hn::BitCast(d, hn::And(words, upper_half)));
    }
    for (size_t j = 1; j < width; ++j) {
      const auto factor = hn::Set(d, query[j]);
      for (size_t v = 0; v < kVectors; ++v) {
        const auto words = hn::LoadU(du, tiles + j * kHalf + v * kLanes);
        lower[v] = hn::MulAdd(factor, hn::BitCast(d, hn::ShiftLeft<16>(words)), lower[v]);
        upper[v] = hn::MulAdd(factor, hn::BitCast(d, hn::And(words, upper_half)), upper[v]);
      }
    }
    for (size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(lower[v], d, scores + v * kLanes);
      hn::StoreU(upper[v], d, scores + kHalf + v * kLanes);
    }
  }
}

size_t PlacesAtLeastKernel(const float* HWY_RESTRICT x, size_t n, float threshold,
                           int32_t* HWY_RESTRICT places) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto bound = hn::Set(d, threshold);
  size_t found = 0;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto at_least = hn::Ge(hn::LoadU(d, x + i), bound);
    if (hn::AllFalse(d, at_least)) continue;  // most vectors, as few are above the threshold
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, at_least, bytes);
    uint64_t bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    for (; bits != 0; bits &= bits - 1) {
      places[found++] = static_cast<int32_t>(i + hwy::Num0BitsBelowLS1Bit_Nonzero64(bits));
    }
  }
  for (; i < n; ++i) {
    if (x[i] >= threshold) places[found++] = static_cast<int32_t>(i);
  }
  return found;
}

int64_t TargetKernel() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace tandem::math
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::math {

HWY_EXPORT(DotKernel);
HWY_EXPORT(AxpyKernel);
HWY_EXPORT(MaxKernel);
HWY_EXPORT(ExpSubtractSumKernel);
HWY_EXPORT(ScoreTilesKernel);
HWY_EXPORT(PlacesAtLeastKernel);
HWY_EXPORT(TargetKernel);

float Dot(std::span<const float> a, std::span<const float> b) {
  return HWY_DYNAMIC_DISPATCH(DotKernel)(a.data(), b.data(), a.size());
}

void Axpy(float alpha, std::span<const float> x, std::span<float> y) {
  HWY_DYNAMIC_DISPATCH(AxpyKernel)(alpha, x.data(), y.data(), x.size());
}

float Max(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(MaxKernel)(x.data(), x.size()); }

float ExpSubtractSum(std::span<float> x, float shift) {
  return HWY_DYNAMIC_DISPATCH(ExpSubtractSumKernel)(x.data(), x.size(), shift);
}

void ScoreTiles(std::span<const float> query, std::span<const uint32_t> tiles,
                std::span<float> scores) {
  HWY_DYNAMIC_DISPATCH(ScoreTilesKernel)
  (query.data(), tiles.data(), scores.size() / kTileRows, query.size(), scores.data());
}

size_t PlacesAtLeast(std::span<const float> x, float threshold, std::span<int32_t> places) {
  return HWY_DYNAMIC_DISPATCH(PlacesAtLeastKernel)(x.data(), x.size(), threshold, places.data());
}

std::string_view TargetName() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(TargetKernel)()); }

}  // namespace tandem::math
#endif  // HWY_ONCE
