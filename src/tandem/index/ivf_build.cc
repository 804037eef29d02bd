// How an IvfIndex is made: coordinates, lists, codes. Its calibration: ivf_calibrate.cc.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tandem/index/ivf_index.h"
#include "tandem/index/k_means.h"
#include "tandem/math/matmul.h"
#include "tandem/math/nibbles.h"

namespace tandem::index {
namespace {

// The codes take as many axes as leave out this share of the scores' spread, the lists fewer.
constexpr double kTailOfCodes = 0.04;
constexpr double kTailOfLists = 0.12;
constexpr size_t kMostAxes = 256;
constexpr size_t kMostAxesOfLists = 48;
constexpr int kIterations = 6;
constexpr size_t kPointsPerList = 24;
constexpr size_t kStepSample = 48;  // rows of a list that its step is chosen by
constexpr size_t kBlock = 256;
constexpr size_t kMostShards = 64;

size_t AxesFor(const std::vector<double>& tail_share, double share) {
  for (size_t h = 1; h <= tail_share.size(); ++h) {
    if (tail_share[h - 1] <= share) return h;
  }
  return tail_share.size();
}

float Code(float x, float step) { return std::clamp(std::floor(x / step) + 8, 0.0F, 15.0F); }

// Of a few steps, the one that loses the least of residuals [n, h].
float ChooseStep(std::span<const float> residuals, size_t h) {
  const size_t n = residuals.size() / h;
  std::vector<double> squares(h, 0);
  for (size_t i = 0; i < n * h; ++i) {
    squares[i % h] += static_cast<double>(residuals[i]) * static_cast<double>(residuals[i]);
  }
  const double most = *std::max_element(squares.begin(), squares.end());
  const auto deviation = static_cast<float>(std::sqrt(most / static_cast<double>(n)));
  if (!(deviation > std::numeric_limits<float>::min())) return 0;
  float best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const float multiple : {0.25F, 0.35F, 0.5F, 0.7F, 1.0F, 1.5F}) {
    const float step = multiple * deviation;
    double loss = 0;
    for (const float x : residuals) {
      const auto error = static_cast<double>(x - (Code(x, step) - 7.5F) * step);
      loss += error * error;
    }
    if (loss < least) {
      least = loss;
      best = step;
    }
  }
  return best;
}

}  // namespace

Status IvfIndex::Validate(std::span<const float> rows, int64_t n, int64_t d,
                          const IvfOptions& options) {
  if (d < 1 || n < 0 || n > std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError("an index of ", n, " items of ", d,
                                " dimensions; expected 0 to 2^31 - 1 items of at least one");
  }
  const auto dimension = static_cast<size_t>(d);
  if (rows.size() / dimension != static_cast<size_t>(n) || rows.size() % dimension != 0) {
    return InvalidArgumentError("got ", rows.size(), " numbers for ", n, " items of ", d);
  }
  if (options.sample_queries.size() % dimension != 0) {
    return InvalidArgumentError("got ", options.sample_queries.size(),
                                " numbers of sample queries, expected a multiple of ", d);
  }
  if (!(options.target_recall > 0 && options.target_recall < 1)) {
    return InvalidArgumentError("the target recall is ", options.target_recall,
                                ", expected a number between 0 and 1; an exact index finds all");
  }
  if (options.lists < 0) {
    return InvalidArgumentError("got ", options.lists, " lists, expected 0 (automatic) or more");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(rows[i])) {
      return InvalidArgumentError("item ", i / dimension, " has a number that is not finite");
    }
  }
  for (size_t i = 0; i < options.sample_queries.size(); ++i) {
    if (!std::isfinite(options.sample_queries[i])) {
      return InvalidArgumentError("sample query ", i / dimension,
                                  " has a number that is not finite");
    }
  }
  return {};
}

Result<std::unique_ptr<IvfIndex>> IvfIndex::Create(std::span<const float> rows, int64_t n,
                                                   int64_t d, const IvfOptions& options) {
  TANDEM_RETURN_IF_ERROR(Validate(rows, n, d, options));
  const auto dimension = static_cast<size_t>(d);
  double largest = 0;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    double square = 0;
    for (const float x : rows.subspan(i * dimension, dimension)) {
      square += static_cast<double>(x) * static_cast<double>(x);
    }
    largest = std::max(largest, std::sqrt(square));
  }
  std::unique_ptr<IvfIndex> index(new IvfIndex());
  index->dimension_ = dimension;
  index->target_recall_ = options.target_recall;
  Workers workers(options.threads);
  index->Fill(rows, options, largest, workers);
  index->Calibrate(rows, options, workers);
  return index;
}

void IvfIndex::Fill(std::span<const float> rows, const IvfOptions& options, double largest,
                    Workers& workers) {
  const size_t d = dimension_;
  const size_t n = rows.size() / d;
  if (n == 0) {
    lists_ = 1;
    head_ = 4;
    part_ = 1;
    query_map_.assign(head_ * d, 0);
    centroids_.assign(2, 0);
    FillCodes({}, {}, {}, workers);
    return;
  }
  const size_t most = std::min(d, kMostAxes);
  const ScoreSpace space = FindScoreSpace(rows, n, d, most, largest, options.sample_queries);
  const size_t axes = AxesFor(space.tail_share, kTailOfCodes);
  head_ = (axes + 3) / 4 * 4;
  part_ = std::min(AxesFor(space.tail_share, kTailOfLists), kMostAxesOfLists);
  const size_t known = std::min(head_, most);  // axes behind these are zeros
  query_map_.assign(head_ * d, 0);
  std::vector<float> item_map(head_ * d, 0);
  for (size_t i = 0; i < known * d; ++i) {
    query_map_[i] = static_cast<float>(space.query_map[i]);
    item_map[i] = static_cast<float>(space.item_map[i]);
  }

  std::vector<float> points(n * head_);
  std::vector<float> parts(n * part_);
  const double scale = largest > 0 ? 1 / largest : 1;
  const ShardPlan plan = PlanShards(n, 1024, kMostShards);
  workers.Run(plan.count, [&](size_t shard) {
    std::vector<float> centred(kBlock * d);
    for (size_t begin = plan.Begin(shard); begin < plan.End(shard); begin += kBlock) {
      const size_t count = std::min(kBlock, plan.End(shard) - begin);
      for (size_t i = 0; i < count * d; ++i) {
        centred[i] = static_cast<float>(
            (static_cast<double>(rows[begin * d + i]) - space.mean[i % d]) * scale);
      }
      math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1, {centred.data(), count, d, d},
                   {item_map.data(), head_, d, d}, 0,
                   {points.data() + begin * head_, count, head_, head_});
      for (size_t i = begin; i < begin + count; ++i) {
        std::copy_n(points.data() + i * head_, part_, parts.data() + i * part_);
      }
    }
  });

  const auto automatic = static_cast<size_t>(4 * std::sqrt(static_cast<double>(n)));
  const size_t wanted = options.lists > 0 ? static_cast<size_t>(options.lists) : automatic;
  lists_ = std::clamp<size_t>(wanted, 1, n);
  const std::vector<float> centroids =
      FindCentroids(parts, part_, lists_, kIterations, kPointsPerList,
                    Rng(options.seed).Fork("ivf lists"), workers);
  FillCodes(points, centroids, NearestCentroids(parts, part_, centroids, workers), workers);
  rows_.resize(n * d);
  workers.Run(plan.count, [&](size_t shard) {
    for (size_t place = plan.Begin(shard); place < plan.End(shard); ++place) {
      std::copy_n(rows.data() + static_cast<size_t>(item_of_[place]) * d, d,
                  rows_.data() + place * d);
    }
  });
}

void IvfIndex::FillCodes(std::span<const float> points, std::span<const float> centroids,
                         std::span<const int32_t> list_of, Workers& workers) {
  const size_t n = list_of.size();
  list_begin_.assign(lists_ + 1, 0);
  for (const int32_t list : list_of) ++list_begin_[static_cast<size_t>(list) + 1];
  tile_begin_.assign(lists_ + 1, 0);
  for (size_t list = 0; list < lists_; ++list) {
    const size_t tiles = (list_begin_[list + 1] + math::kNibbleRows - 1) / math::kNibbleRows;
    tile_begin_[list + 1] = tile_begin_[list] + static_cast<uint32_t>(tiles);
    list_begin_[list + 1] += list_begin_[list];
  }
  item_of_.resize(n);
  place_of_.resize(n);
  std::vector<uint32_t> next(list_begin_.begin(), list_begin_.end() - 1);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t place = next[static_cast<size_t>(list_of[i])]++;
    item_of_[place] = static_cast<int32_t>(i);
    place_of_[i] = static_cast<int32_t>(place);
  }
  steps_.assign(lists_, 0);
  const size_t tile_bytes = head_ / 2 * math::kNibbleRows;
  codes_.Resize(tile_begin_[lists_] * tile_bytes);
  std::fill_n(codes_.data(), codes_.size(), uint8_t{0});
  if (n == 0) return;
  centroids_.assign((part_ + 1) * lists_, 0);
  const ShardPlan plan = PlanShards(lists_, 4, kMostShards);
  workers.Run(plan.count, [&](size_t shard) {
    std::vector<float> residuals;
    std::vector<uint8_t> codes(head_);
    for (size_t list = plan.Begin(shard); list < plan.End(shard); ++list) {
      for (size_t j = 0; j < part_; ++j) {
        centroids_[j * lists_ + list] = centroids[list * part_ + j];
      }
      const size_t count = RowsOf(list);
      if (count == 0) continue;
      residuals.resize(count * head_);
      double squares = 0;
      for (size_t i = 0; i < count; ++i) {
        const auto item = static_cast<size_t>(item_of_[list_begin_[list] + i]);
        for (size_t j = 0; j < head_; ++j) {
          const float x = points[item * head_ + j] - (j < part_ ? centroids[list * part_ + j] : 0);
          residuals[i * head_ + j] = x;
          squares += static_cast<double>(x) * static_cast<double>(x);
        }
      }
      centroids_[part_ * lists_ + list] =
          static_cast<float>(std::sqrt(squares / static_cast<double>(count)));
      const float step =
          ChooseStep(std::span(residuals).first(std::min(count, kStepSample) * head_), head_);
      steps_[list] = step;
      if (step == 0) continue;
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < head_; ++j) {
          codes[j] = static_cast<uint8_t>(Code(residuals[i * head_ + j], step));
        }
        math::SetNibbles(codes, i % math::kNibbleRows,
                         codes_.span().subspan(
                             (tile_begin_[list] + i / math::kNibbleRows) * tile_bytes, tile_bytes));
      }
    }
  });
}

}  // namespace tandem::index
