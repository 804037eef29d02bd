#include "tandem/training/metric/ranked_list.h"

#include <algorithm>
#include <cmath>

namespace tandem::metric {
namespace {

bool IsHit(std::span<const int32_t> relevant, int32_t item) {
  return item >= 0 && std::binary_search(relevant.begin(), relevant.end(), item);
}

std::span<const int32_t> First(int64_t k, std::span<const int32_t> ranked) {
  return ranked.first(std::min(static_cast<size_t>(k), ranked.size()));
}

// Of place i, from 0.
double Discount(size_t i) { return 1 / std::log2(static_cast<double>(i) + 2); }

}  // namespace

double RecallAt(int64_t k, std::span<const int32_t> ranked, std::span<const int32_t> relevant) {
  if (relevant.empty()) return 0;
  int64_t hits = 0;
  for (const int32_t item : First(k, ranked)) hits += IsHit(relevant, item) ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(relevant.size());
}

double NdcgAt(int64_t k, std::span<const int32_t> ranked, std::span<const int32_t> relevant) {
  if (relevant.empty()) return 0;
  const std::span<const int32_t> first = First(k, ranked);
  double gain = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    if (IsHit(relevant, first[i])) gain += Discount(i);
  }
  double ideal = 0;
  const size_t places = std::min(static_cast<size_t>(k), relevant.size());
  for (size_t i = 0; i < places; ++i) ideal += Discount(i);
  return gain / ideal;
}

double ReciprocalRankAt(int64_t k, std::span<const int32_t> ranked,
                        std::span<const int32_t> relevant) {
  const std::span<const int32_t> first = First(k, ranked);
  for (size_t i = 0; i < first.size(); ++i) {
    if (IsHit(relevant, first[i])) return 1 / (static_cast<double>(i) + 1);
  }
  return 0;
}

}  // namespace tandem::metric
