// How an IvfIndex is made: coordinates, lists, codes. Its calibration: ivf_calibrate.cc.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tandem/index/ivf_index.h"
#include "tandem/index/ivf_search.h"
#include "tandem/index/k_means.h"
#include "tandem/index/score_space.h"
#include "tandem/index/search_arguments.h"
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
constexpr size_t kMostQueries = 8192;   // that coordinates are made for
constexpr double kMostNormOfL2 = 1e18;  // its square is a float

size_t AxesFor(const std::vector<double>& tail_share, double share) {
  for (size_t h = 1; h <= tail_share.size(); ++h) {
    if (tail_share[h - 1] <= share) return h;
  }
  return tail_share.size();
}

std::vector<float> InnerRows(const InnerSpace& space, std::span<const float> rows, size_t d) {
  const size_t n = rows.size() / d;
  const size_t width = space.Width(d);
  std::vector<float> inner(n * width);
  for (size_t i = 0; i < n; ++i) {
    space.CopyRow(rows.subspan(i * d, d), std::span(inner).subspan(i * width, width));
  }
  return inner;
}

// Evenly chosen where there are more than `most`.
std::vector<float> InnerQueries(const InnerSpace& space, std::span<const float> queries, size_t d,
                                size_t most) {
  const size_t n = queries.size() / d;
  const size_t count = std::min(n, most);
  const size_t width = space.Width(d);
  std::vector<float> inner(count * width);
  for (size_t i = 0; i < count; ++i) {
    space.CopyQuery(queries.subspan(n * i / count * d, d),
                    std::span(inner).subspan(i * width, width));
  }
  return inner;
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
  TANDEM_RETURN_IF_ERROR(CheckRows(rows, n, d));
  const auto dimension = static_cast<size_t>(d);
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
  for (size_t i = 0; options.metric == Metric::kL2 && i < rows.size(); ++i) {
    if (std::abs(static_cast<double>(rows[i])) * std::sqrt(d) > kMostNormOfL2) {
      return InvalidArgumentError("item ", i / dimension, " has ", rows[i],
                                  ", whose square is too large for the metric l2");
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
  std::unique_ptr<IvfIndex> index(new IvfIndex());
  index->space_.metric = options.metric;
  index->dimension_ = dimension;
  index->target_recall_ = options.target_recall;
  Workers workers(options.threads);
  CentreAndHeight space;
  std::vector<float> units;
  std::vector<float> inner_rows;
  std::vector<float> inner_queries;
  std::span<const float> inner;
  std::span<const float> queries = options.sample_queries;
  inner = rows = AsCompared(options.metric, rows, dimension, units);
  if (options.metric == Metric::kL2) {
    space = FindCentreAndHeight(rows, dimension);
    index->space_.centre = space.centre;
    index->space_.height = space.height;
    inner = inner_rows = InnerRows(index->space_, rows, dimension);
    // Where items serve as queries, they have the height of queries.
    queries = inner_queries =
        InnerQueries(index->space_, queries.empty() ? rows : queries, dimension, kMostQueries);
  }
  index->Fill(rows, inner, queries, options, workers);
  index->Calibrate(rows, inner, options.sample_queries, workers);
  return index;
}

void IvfIndex::Adopt(std::shared_ptr<const Owned> owned) {
  space_.centre = owned->centre;
  query_map_ = owned->query_map;
  centroids_ = owned->centroids;
  steps_ = owned->steps;
  list_begin_ = owned->list_begin;
  tile_begin_ = owned->tile_begin;
  codes_ = owned->codes.span();
  rows_ = owned->rows;
  item_of_ = owned->item_of;
  place_of_ = owned->place_of;
  owner_ = std::move(owned);
}

void IvfIndex::Fill(std::span<const float> rows, std::span<const float> inner,
                    std::span<const float> queries, const IvfOptions& options, Workers& workers) {
  const size_t d = width();
  const size_t n = inner.size() / d;
  const auto owned = std::make_shared<Owned>();
  owned->centre.assign(space_.centre.begin(), space_.centre.end());
  if (n == 0) {
    lists_ = 1;
    head_ = 4;
    part_ = 1;
    owned->query_map.assign(head_ * d, 0);
    owned->centroids.assign(2, 0);
    FillCodes({}, {}, {}, *owned, workers);
    return Adopt(owned);
  }
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    double square = 0;
    for (const float x : inner.subspan(i * d, d)) {
      square += static_cast<double>(x) * static_cast<double>(x);
    }
    largest = std::max(largest, std::sqrt(square));
  }
  const size_t most = std::min(d, kMostAxes);
  const ScoreSpace space = FindScoreSpace(inner, n, d, most, largest, queries);
  const size_t axes = AxesFor(space.tail_share, kTailOfCodes);
  head_ = (axes + 3) / 4 * 4;
  part_ = std::min(AxesFor(space.tail_share, kTailOfLists), kMostAxesOfLists);
  const size_t known = std::min(head_, most);  // axes behind these are zeros
  owned->query_map.assign(head_ * d, 0);
  std::vector<float> item_map(head_ * d, 0);
  for (size_t i = 0; i < known * d; ++i) {
    owned->query_map[i] = static_cast<float>(space.query_map[i]);
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
            (static_cast<double>(inner[begin * d + i]) - space.mean[i % d]) * scale);
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
  FillCodes(points, centroids, NearestCentroids(parts, part_, centroids, workers), *owned, workers);
  owned->rows.resize(n * dimension_);
  workers.Run(plan.count, [&](size_t shard) {
    for (size_t place = plan.Begin(shard); place < plan.End(shard); ++place) {
      std::copy_n(rows.data() + static_cast<size_t>(owned->item_of[place]) * dimension_, dimension_,
                  owned->rows.data() + place * dimension_);
    }
  });
  Adopt(owned);
}

void IvfIndex::FillCodes(std::span<const float> points, std::span<const float> centroids,
                         std::span<const int32_t> list_of, Owned& owned, Workers& workers) const {
  const size_t n = list_of.size();
  owned.list_begin.assign(lists_ + 1, 0);
  for (const int32_t list : list_of) ++owned.list_begin[static_cast<size_t>(list) + 1];
  owned.tile_begin.assign(lists_ + 1, 0);
  for (size_t list = 0; list < lists_; ++list) {
    const size_t tiles = (owned.list_begin[list + 1] + math::kNibbleRows - 1) / math::kNibbleRows;
    owned.tile_begin[list + 1] = owned.tile_begin[list] + static_cast<uint32_t>(tiles);
    owned.list_begin[list + 1] += owned.list_begin[list];
  }
  owned.item_of.resize(n);
  owned.place_of.resize(n);
  std::vector<uint32_t> next(owned.list_begin.begin(), owned.list_begin.end() - 1);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t place = next[static_cast<size_t>(list_of[i])]++;
    owned.item_of[place] = static_cast<int32_t>(i);
    owned.place_of[i] = static_cast<int32_t>(place);
  }
  owned.steps.assign(lists_, 0);
  const size_t tile_bytes = head_ / 2 * math::kNibbleRows;
  owned.codes.Resize(owned.tile_begin[lists_] * tile_bytes);
  std::fill_n(owned.codes.data(), owned.codes.size(), uint8_t{0});
  if (n == 0) return;
  owned.centroids.assign((part_ + 1) * lists_, 0);
  const ShardPlan plan = PlanShards(lists_, 4, kMostShards);
  workers.Run(plan.count, [&](size_t shard) {
    std::vector<float> residuals;
    std::vector<uint8_t> codes(head_);
    for (size_t list = plan.Begin(shard); list < plan.End(shard); ++list) {
      for (size_t j = 0; j < part_; ++j) {
        owned.centroids[j * lists_ + list] = centroids[list * part_ + j];
      }
      const size_t count = (owned.list_begin[list + 1] - owned.list_begin[list]);
      if (count == 0) continue;
      residuals.resize(count * head_);
      double squares = 0;
      for (size_t i = 0; i < count; ++i) {
        const auto item = static_cast<size_t>(owned.item_of[owned.list_begin[list] + i]);
        for (size_t j = 0; j < head_; ++j) {
          const float x = points[item * head_ + j] - (j < part_ ? centroids[list * part_ + j] : 0);
          residuals[i * head_ + j] = x;
          squares += static_cast<double>(x) * static_cast<double>(x);
        }
      }
      owned.centroids[part_ * lists_ + list] =
          static_cast<float>(std::sqrt(squares / static_cast<double>(count)));
      const float step =
          ChooseStep(std::span(residuals).first(std::min(count, kStepSample) * head_), head_);
      owned.steps[list] = step;
      if (step == 0) continue;
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < head_; ++j) {
          codes[j] = static_cast<uint8_t>(Code(residuals[i * head_ + j], step));
        }
        math::SetNibbles(
            codes, i % math::kNibbleRows,
            owned.codes.span().subspan(
                (owned.tile_begin[list] + i / math::kNibbleRows) * tile_bytes, tile_bytes));
      }
    }
  });
}

}  // namespace tandem::index
