#include "tandem/math/kernels.h"

#include <bit>
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

// 0 x is 0 unless x is infinite or NaN, and a sum with NaN is NaN.
bool AllFiniteKernel(const float* HWY_RESTRICT x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  auto sum = zero;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::MulAdd(hn::LoadU(d, x + i), zero, sum);
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += x[i] * 0.0F;
  return total == 0.0F;
}

float LeastOfLargestKernel(const float* HWY_RESTRICT x, size_t n, size_t k) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const size_t whole = n - n % lanes;
  float low = x[0];
  float high = x[0];
  auto least = hn::Set(d, low);
  auto largest = least;
  for (size_t i = 0; i < whole; i += lanes) {
    least = hn::Min(least, hn::LoadU(d, x + i));
    largest = hn::Max(largest, hn::LoadU(d, x + i));
  }
  low = hn::GetLane(hn::MinOfLanes(d, least));
  high = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (size_t i = whole; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  for (int pass = 0; pass < 32; ++pass) {
    const float middle = low + (high - low) / 2;
    size_t count = 0;
    for (size_t i = 0; i < whole; i += lanes) {
      count += hn::CountTrue(d, hn::Ge(hn::LoadU(d, x + i), hn::Set(d, middle)));
    }
    for (size_t i = whole; i < n; ++i) count += x[i] >= middle ? 1 : 0;
    (count >= k ? low : high) = middle;
    if (count >= k && count <= k + k / 8) break;
  }
  return low;
}

// Whole vectors are stored, as to store a part of one takes ten times as long on some machines;
// the indices so far are no more than the elements so far, so that there is room.
size_t IndicesAtLeastKernel(const float* HWY_RESTRICT x, size_t n, float least,
                            uint32_t* HWY_RESTRICT indices) {
  const D d;
  const hn::RebindToUnsigned<D> du;
  const size_t lanes = hn::Lanes(d);
  const auto limit = hn::Set(d, least);
  size_t count = 0;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto reached = hn::Ge(hn::LoadU(d, x + i), limit);
    const size_t more = hn::CountTrue(d, reached);
    if (more == 0) continue;
    const auto numbers = hn::Iota(du, static_cast<uint32_t>(i));
    hn::StoreU(hn::Compress(numbers, hn::RebindMask(du, reached)), du, indices + count);
    count += more;
  }
  for (; i < n; ++i) {
    if (x[i] >= least) indices[count++] = static_cast<uint32_t>(i);
  }
  return count;
}

// So many bits of each word without a look at how many it has, which nothing could foretell; what
// is too much is written over.
template <size_t kUnseen>
size_t ListSomeBits(const uint64_t* HWY_RESTRICT words, size_t n, int32_t first, size_t room,
                    int32_t* HWY_RESTRICT numbers, size_t& count) {
  constexpr uint64_t kLast = uint64_t{1} << 63;  // a bit for words without any
  size_t listed = 0;
  size_t word = 0;
  for (; word < n && listed + 64 <= room; ++word) {
    const int32_t first_of_word = first + static_cast<int32_t>(64 * word);
    uint64_t left = words[word];
    const auto bits = static_cast<size_t>(std::popcount(left));
    const auto put = [&](size_t i) {
      numbers[listed + i] = first_of_word + std::countr_zero(left | kLast);
      left &= left - 1;
    };
    for (size_t i = 0; i < kUnseen; ++i) put(i);
    for (size_t i = kUnseen; i < bits; ++i) put(i);
    listed += bits;
  }
  count = listed;
  return word;
}

size_t ListBitsKernel(const uint64_t* HWY_RESTRICT words, size_t n, double density, int32_t first,
                      size_t room, int32_t* HWY_RESTRICT numbers, size_t& count) {
  if (density < 1. / 128) return ListSomeBits<1>(words, n, first, room, numbers, count);
  if (density < 1. / 16) return ListSomeBits<4>(words, n, first, room, numbers, count);
  return ListSomeBits<8>(words, n, first, room, numbers, count);
}

size_t CountBitsKernel(const uint64_t* HWY_RESTRICT words, size_t n) {
  const hn::ScalableTag<uint64_t> d;
  const size_t lanes = hn::Lanes(d);
  const size_t whole = n - n % lanes;
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < whole; i += lanes) {
    sum = hn::Add(sum, hn::PopulationCount(hn::LoadU(d, words + i)));
  }
  size_t count = hn::GetLane(hn::SumOfLanes(d, sum));
  for (size_t i = whole; i < n; ++i) count += static_cast<size_t>(std::popcount(words[i]));
  return count;
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

// The sums of Dot, to the bit, in one call for all rows; below, for all that a scan picks.
void DotRowsKernel(const float* HWY_RESTRICT query, const float* HWY_RESTRICT rows, size_t d,
                   size_t count, float* HWY_RESTRICT scores) {
  for (size_t i = 0; i < count; ++i) scores[i] = DotKernel(query, rows + i * d, d);
}

void DotAtKernel(const float* HWY_RESTRICT query, const float* HWY_RESTRICT rows, size_t d,
                 const uint32_t* HWY_RESTRICT places, size_t count, float* HWY_RESTRICT scores) {
  for (size_t i = 0; i < count; ++i) {
    scores[i] = DotKernel(query, rows + places[i] * d, d);
  }
}

float SquaredDistanceKernel(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto x = hn::Sub(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
    const auto y = hn::Sub(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes));
    sum0 = hn::MulAdd(x, x, sum0);
    sum1 = hn::MulAdd(y, y, sum1);
  }
  if (i + lanes <= n) {
    const auto x = hn::Sub(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
    sum0 = hn::MulAdd(x, x, sum0);
    i += lanes;
  }
  if (i < n) {
    const auto x = hn::Sub(LoadSome(d, a + i, n - i), LoadSome(d, b + i, n - i));
    sum1 = hn::MulAdd(x, x, sum1);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
}

void SquaredDistanceAtKernel(const float* HWY_RESTRICT query, const float* HWY_RESTRICT rows,
                             size_t d, const uint32_t* HWY_RESTRICT places, size_t count,
                             float* HWY_RESTRICT distances) {
  for (size_t i = 0; i < count; ++i) {
    distances[i] = SquaredDistanceKernel(query, rows + places[i] * d, d);
  }
}

void DecodeInt8Kernel(float scale, const int8_t* HWY_RESTRICT codes, float* HWY_RESTRICT x,
                      size_t n) {
  const D d;
  const hn::Rebind<int8_t, D> d8;
  const hn::Rebind<int32_t, D> d32;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto wide = hn::PromoteTo(d32, hn::LoadU(d8, codes + i));
    hn::StoreU(hn::Mul(factor, hn::ConvertTo(d, wide)), d, x + i);
  }
  for (; i < n; ++i) x[i] = scale * static_cast<float>(codes[i]);
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
HWY_EXPORT(AllFiniteKernel);
HWY_EXPORT(LeastOfLargestKernel);
HWY_EXPORT(IndicesAtLeastKernel);
HWY_EXPORT(CountBitsKernel);
HWY_EXPORT(ListBitsKernel);
HWY_EXPORT(ExpSubtractSumKernel);
HWY_EXPORT(DotRowsKernel);
HWY_EXPORT(DotAtKernel);
HWY_EXPORT(SquaredDistanceKernel);
HWY_EXPORT(SquaredDistanceAtKernel);
HWY_EXPORT(DecodeInt8Kernel);
HWY_EXPORT(TargetKernel);

float Dot(std::span<const float> a, std::span<const float> b) {
  return HWY_DYNAMIC_DISPATCH(DotKernel)(a.data(), b.data(), a.size());
}

void Axpy(float alpha, std::span<const float> x, std::span<float> y) {
  HWY_DYNAMIC_DISPATCH(AxpyKernel)(alpha, x.data(), y.data(), x.size());
}

float Max(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(MaxKernel)(x.data(), x.size()); }

bool AllFinite(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(AllFiniteKernel)(x.data(), x.size());
}

float LeastOfLargest(std::span<const float> x, size_t k) {
  return HWY_DYNAMIC_DISPATCH(LeastOfLargestKernel)(x.data(), x.size(), k);
}

size_t IndicesAtLeast(std::span<const float> x, float least, uint32_t* indices) {
  return HWY_DYNAMIC_DISPATCH(IndicesAtLeastKernel)(x.data(), x.size(), least, indices);
}

float ExpSubtractSum(std::span<float> x, float shift) {
  return HWY_DYNAMIC_DISPATCH(ExpSubtractSumKernel)(x.data(), x.size(), shift);
}

void DotRows(std::span<const float> query, const float* rows, std::span<float> scores) {
  HWY_DYNAMIC_DISPATCH(DotRowsKernel)
  (query.data(), rows, query.size(), scores.size(), scores.data());
}

void DotAt(std::span<const float> query, const float* rows, std::span<const uint32_t> places,
           std::span<float> scores) {
  HWY_DYNAMIC_DISPATCH(DotAtKernel)
  (query.data(), rows, query.size(), places.data(), places.size(), scores.data());
}

float SquaredDistance(std::span<const float> a, std::span<const float> b) {
  return HWY_DYNAMIC_DISPATCH(SquaredDistanceKernel)(a.data(), b.data(), a.size());
}

void SquaredDistanceAt(std::span<const float> query, const float* rows,
                       std::span<const uint32_t> places, std::span<float> distances) {
  HWY_DYNAMIC_DISPATCH(SquaredDistanceAtKernel)
  (query.data(), rows, query.size(), places.data(), places.size(), distances.data());
}

ListedBits ListBits(std::span<const uint64_t> words, double density, int32_t first,
                    std::span<int32_t> numbers) {
  ListedBits listed = {0, 0};
  listed.words = HWY_DYNAMIC_DISPATCH(ListBitsKernel)(words.data(), words.size(), density, first,
                                                      numbers.size(), numbers.data(), listed.count);
  return listed;
}

size_t CountBits(std::span<const uint64_t> words) {
  return HWY_DYNAMIC_DISPATCH(CountBitsKernel)(words.data(), words.size());
}

void DecodeInt8(float scale, std::span<const int8_t> codes, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(DecodeInt8Kernel)(scale, codes.data(), x.data(), x.size());
}

std::string_view TargetName() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(TargetKernel)()); }

}  // namespace tandem::math
#endif  // HWY_ONCE
