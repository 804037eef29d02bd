#include "tandem/index/k_means.h"

#include <algorithm>
#include <numeric>

#include "tandem/math/kernels.h"
#include "tandem/math/matmul.h"

namespace tandem::index {
namespace {

constexpr size_t kBlock = 32;  // points a product: its result stays in the level-2 cache
constexpr size_t kMostShards = 64;

}  // namespace

// The centroid with the largest p . c - |c|^2 / 2, as a product of (p, 1) and (c, -|c|^2 / 2).
std::vector<int32_t> NearestCentroids(std::span<const float> points, size_t w,
                                      std::span<const float> centroids, Workers& workers) {
  const size_t n = points.size() / w;
  const size_t lists = centroids.size() / w;
  std::vector<float> wide(lists * (w + 1));
  for (size_t c = 0; c < lists; ++c) {
    const std::span<const float> centroid = centroids.subspan(c * w, w);
    std::copy(centroid.begin(), centroid.end(), wide.begin() + static_cast<ptrdiff_t>(c * (w + 1)));
    wide[c * (w + 1) + w] = -math::Dot(centroid, centroid) / 2;
  }
  std::vector<int32_t> nearest(n);
  const ShardPlan plan = PlanShards(n, 1024, kMostShards);
  workers.Run(plan.count, [&](size_t shard) {
    std::vector<float> block(kBlock * (w + 1), 1.0F);
    std::vector<float> scores(kBlock * lists);
    for (size_t begin = plan.Begin(shard); begin < plan.End(shard); begin += kBlock) {
      const size_t count = std::min(kBlock, plan.End(shard) - begin);
      for (size_t i = 0; i < count; ++i) {
        std::copy_n(points.data() + (begin + i) * w, w, block.data() + i * (w + 1));
      }
      math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1,
                   {block.data(), count, w + 1, w + 1}, {wide.data(), lists, w + 1, w + 1}, 0,
                   {scores.data(), count, lists, lists});
      for (size_t i = 0; i < count; ++i) {
        const std::span<const float> row = std::span(scores).subspan(i * lists, lists);
        const auto at = std::find(row.begin(), row.end(), math::Max(row));
        // A NaN, which only points beyond the range of float can give, is equal to none.
        nearest[begin + i] = at == row.end() ? 0 : static_cast<int32_t>(at - row.begin());
      }
    }
  });
  return nearest;
}

std::vector<float> FindCentroids(std::span<const float> points, size_t w, size_t lists,
                                 int iterations, size_t points_per_list, Rng rng,
                                 Workers& workers) {
  const size_t n = points.size() / w;
  const size_t count = std::min(n, lists * points_per_list);
  // The first `count` of a shuffle.
  std::vector<int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = 0; i < count; ++i) std::swap(order[i], order[i + rng.UniformInt(n - i)]);
  std::vector<float> sample(count * w);
  for (size_t i = 0; i < count; ++i) {
    std::copy_n(points.data() + static_cast<size_t>(order[i]) * w, w, sample.data() + i * w);
  }
  std::vector<float> centroids(sample.begin(), sample.begin() + static_cast<ptrdiff_t>(lists * w));
  for (int iteration = 0; iteration < iterations; ++iteration) {
    const std::vector<int32_t> nearest = NearestCentroids(sample, w, centroids, workers);
    std::vector<double> sums(lists * w, 0);
    std::vector<size_t> members(lists, 0);
    for (size_t i = 0; i < count; ++i) {
      const auto list = static_cast<size_t>(nearest[i]);
      ++members[list];
      for (size_t j = 0; j < w; ++j) sums[list * w + j] += static_cast<double>(sample[i * w + j]);
    }
    for (size_t list = 0; list < lists; ++list) {
      if (members[list] == 0) continue;
      for (size_t j = 0; j < w; ++j) {
        centroids[list * w + j] =
            static_cast<float>(sums[list * w + j] / static_cast<double>(members[list]));
      }
    }
  }
  return centroids;
}

}  // namespace tandem::index
