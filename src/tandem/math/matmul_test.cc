#include "tandem/math/matmul.h"

#include <gtest/gtest.h>

#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/base/rng.h"

namespace tandem::math {
namespace {

std::vector<float> Normals(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& x : values) x = rng.Normal();
  return values;
}

TEST(MatMul, EqualsTheSumsInDoubleForEveryTransposeAndStride) {
  constexpr size_t kRows = 5, kInner = 7, kCols = 3, kStride = 11;
  for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
    for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      const bool a_turned = ta == Transpose::kYes;
      const bool b_turned = tb == Transpose::kYes;
      const std::vector<float> a = Normals(kStride * kStride, 1);
      const std::vector<float> b = Normals(kStride * kStride, 2);
      std::vector<float> c(kStride * kRows, 2.0F);
      MatMul(ta, tb, 0.5F,
             {a.data(), a_turned ? kInner : kRows, a_turned ? kRows : kInner, kStride},
             {b.data(), b_turned ? kCols : kInner, b_turned ? kInner : kCols, kStride}, 3.0F,
             {c.data(), kRows, kCols, kStride});
      for (size_t i = 0; i < kRows; ++i) {
        for (size_t j = 0; j < kCols; ++j) {
          double sum = 0;
          for (size_t k = 0; k < kInner; ++k) {
            sum += static_cast<double>(a_turned ? a[k * kStride + i] : a[i * kStride + k]) *
                   static_cast<double>(b_turned ? b[j * kStride + k] : b[k * kStride + j]);
          }
          EXPECT_NEAR(c[i * kStride + j], 0.5 * sum + 3.0 * 2.0, 1e-5);
        }
        EXPECT_EQ(c[i * kStride + kCols], 2.0F) << "wrote beyond its columns";
      }
    }
  }
}

TEST(MatMul, InShardsGivesTheSameBitsOnOneAndOnTwoThreads) {
  constexpr size_t kRows = 700, kInner = 33, kCols = 129;
  const std::vector<float> a = Normals(kRows * kInner, 3);
  const std::vector<float> b = Normals(kInner * kCols, 4);
  const auto product = [&](size_t threads) {
    std::vector<float> c(kRows * kCols);
    Workers workers(threads);
    const ShardPlan plan = PlanShards(kRows, 64, 16);
    workers.Run(plan.count, [&](size_t shard) {
      const size_t begin = plan.Begin(shard);
      const size_t rows = plan.End(shard) - begin;
      MatMul(Transpose::kNo, Transpose::kNo, 1, {a.data() + begin * kInner, rows, kInner, kInner},
             {b.data(), kInner, kCols, kCols}, 0, {c.data() + begin * kCols, rows, kCols, kCols});
    });
    return c;
  };
  EXPECT_EQ(product(1), product(2));
}

TEST(MatMul, WithBetaZeroReplacesWhatWasThereEvenWithoutAnInnerDimension) {
  std::vector<float> c(4, 9.0F);
  MatMul(Transpose::kNo, Transpose::kNo, 1, {c.data(), 2, 0, 0}, {c.data(), 0, 2, 2}, 0,
         {c.data(), 2, 2, 2});
  EXPECT_EQ(c, (std::vector<float>{0, 0, 0, 0}));
}

}  // namespace
}  // namespace tandem::math
