// How many lists and candidates a search of IvfIndex takes: by queries whose answers are known.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "tandem/index/ivf_search.h"
#include "tandem/index/top_k.h"
#include "tandem/math/kernels.h"
#include "tandem/math/matmul.h"

namespace tandem::index {
namespace {

constexpr size_t kQueries = 384;  // of the sample; every third measures what the others found
constexpr size_t kQueriesOfShard = 16;
constexpr size_t kRowsOfBlock = 2048;
constexpr size_t kShallow = 10;
constexpr size_t kDeep = 100;  // the two k
constexpr size_t kMostCandidates = 10'000;
constexpr double kRatio = 1.2;  // between numbers of lists that are tried
constexpr int kRounds = 30;
constexpr double kMore = 1.04;  // what a round adds where the target was missed

// What a search costs, in ns on a core of 3 GHz with AVX2; only ratios count.
double Cost(size_t lists, double rows_of_list, size_t axes, size_t candidates, size_t d) {
  const double list = 50 + rows_of_list * (0.1 + 0.015 * static_cast<double>(axes));
  const double candidate = 15 + 0.3 * static_cast<double>(d);
  return static_cast<double>(lists) * list + static_cast<double>(candidates) * candidate;
}

// The true k best [q, k] of each query, in order, without the item that it is (-1: none); -1 where
// there are fewer. rows [n, d] are those of the space, queries [q, dimension] are not.
std::vector<int32_t> FindTruth(const InnerSpace& space, std::span<const float> rows, size_t d,
                               std::span<const float> plain, std::span<const int32_t> selves,
                               size_t k, Workers& workers) {
  const size_t n = rows.size() / d;
  const size_t q = selves.size();
  const size_t dimension = plain.size() / q;
  std::vector<float> queries(q * d);
  for (size_t i = 0; i < q; ++i) {
    space.CopyQuery(plain.subspan(i * dimension, dimension), std::span(queries).subspan(i * d, d));
  }
  std::vector<int32_t> truth(q * k, -1);
  const size_t shards = (q + kQueriesOfShard - 1) / kQueriesOfShard;
  workers.Run(shards, [&](size_t shard) {
    const size_t first = shard * kQueriesOfShard;
    const size_t count = std::min(kQueriesOfShard, q - first);
    std::vector<TopK> best(count, TopK(k));
    std::vector<float> scores(count * kRowsOfBlock);
    for (size_t begin = 0; begin < n; begin += kRowsOfBlock) {
      const size_t block = std::min(kRowsOfBlock, n - begin);
      math::MatMul(math::Transpose::kNo, math::Transpose::kYes, 1,
                   {queries.data() + first * d, count, d, d},
                   {rows.data() + begin * d, block, d, d}, 0, {scores.data(), count, block, block});
      for (size_t i = 0; i < count; ++i) {
        const std::span<const float> row = std::span(scores).subspan(i * block, block);
        for (size_t place = 0; place < block; ++place) {
          if (row[place] < best[i].threshold()) continue;
          const auto item = static_cast<int32_t>(begin + place);
          if (item != selves[first + i]) best[i].Offer({row[place], item});
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const std::span<const Hit> hits = best[i].Sorted();
      for (size_t j = 0; j < hits.size(); ++j) truth[(first + i) * k + j] = hits[j].item;
    }
  });
  return truth;
}

}  // namespace

// For each number of lists, the candidates that the target takes at each k; the cheapest of these.
void IvfIndex::FindEfforts(std::span<const float> queries, std::span<const int32_t> truth,
                           std::span<const int32_t> selves, Workers& workers) {
  const size_t q = selves.size();
  const size_t shards = (q + kQueriesOfShard - 1) / kQueriesOfShard;
  // Half a standard error above the target, as if three of an answer were independent; other
  // queries measure what that gives.
  const double target = target_recall_ + std::sqrt(target_recall_ * (1 - target_recall_) /
                                                   (12 * static_cast<double>(q)));
  const double rows_of_list = static_cast<double>(item_of_.size()) / static_cast<double>(lists_);
  std::vector<double> least(efforts_.size(), std::numeric_limits<double>::infinity());
  for (IvfEffort& effort : efforts_) {
    effort.lists = static_cast<int64_t>(lists_);
    effort.candidates = static_cast<int64_t>(kMostCandidates);
  }
  // By query and place in the truth: how many candidates are no worse.
  std::vector<size_t> ranks(q * kDeep);
  for (size_t lists = lists_;;) {
    std::fill(ranks.begin(), ranks.end(), 0);  // of what there is not
    workers.Run(shards, [&](size_t shard) {
      Scratch scratch;
      const size_t end = std::min(q, (shard + 1) * kQueriesOfShard);
      for (size_t i = shard * kQueriesOfShard; i < end; ++i) {
        const Admission admission(selves[i] < 0 ? std::span<const int32_t>() : selves.subspan(i, 1),
                                  nullptr);
        const Query query = Prepare(queries.subspan(i * dimension_, dimension_));
        OrderLists(query, scratch);
        Collect(query, lists, kMostCandidates, 1, admission, scratch);
        RankTruth(truth.subspan(i * kDeep, kDeep), scratch.found,
                  std::span(ranks).subspan(i * kDeep, kDeep));
      }
    });
    bool reached = false;
    for (size_t e = 0; e < efforts_.size(); ++e) {
      const auto k = static_cast<size_t>(efforts_[e].k);
      std::vector<size_t> needed;
      for (size_t i = 0; i < q; ++i) {
        const auto first = ranks.begin() + static_cast<ptrdiff_t>(i * kDeep);
        needed.insert(needed.end(), first, first + static_cast<ptrdiff_t>(k));
      }
      const auto share = static_cast<size_t>(target * static_cast<double>(needed.size()));
      const auto at = needed.begin() + static_cast<ptrdiff_t>(std::min(share, needed.size() - 1));
      std::nth_element(needed.begin(), at, needed.end());
      if (*at > kMostCandidates) continue;
      reached = true;
      const double cost = Cost(lists, rows_of_list, head_, *at, dimension_);
      if (cost >= least[e]) continue;
      least[e] = cost;
      efforts_[e].lists = static_cast<int64_t>(lists);
      efforts_[e].candidates = static_cast<int64_t>(std::max<size_t>(*at, 1));
    }
    if (!reached || lists == 1) break;
    lists = static_cast<size_t>(static_cast<double>(lists) / kRatio);
  }
}

// ranks[j]: the candidates whose score is no less than that of truth[j]; more than there may be
// where it was not found. Places in the order of `truth` do not matter but for -1.
void IvfIndex::RankTruth(std::span<const int32_t> truth, std::span<const Candidate> found,
                         std::span<size_t> ranks) const {
  std::unordered_map<uint32_t, size_t> wanted;  // from place to j
  for (size_t j = 0; j < truth.size() && truth[j] >= 0; ++j) {
    wanted.emplace(static_cast<uint32_t>(place_of_[static_cast<size_t>(truth[j])]), j);
    ranks[j] = kMostCandidates + 1;
  }
  std::vector<int32_t> places;
  for (const auto& entry : wanted) places.push_back(static_cast<int32_t>(entry.first));
  std::sort(places.begin(), places.end());
  const Admission others(places, nullptr);
  std::vector<std::pair<float, size_t>> scores;  // negative, of the truth that was found, and j
  for (const Candidate& candidate : found) {
    if (others.Takes(static_cast<int32_t>(candidate.place))) continue;
    scores.emplace_back(-candidate.score, wanted[candidate.place]);
  }
  std::sort(scores.begin(), scores.end());
  std::vector<size_t> counts(scores.size() + 1, 0);
  for (const Candidate& candidate : found) {
    const auto at = std::lower_bound(
        scores.begin(), scores.end(), -candidate.score,
        [](const std::pair<float, size_t>& a, float score) { return a.first < score; });
    ++counts[static_cast<size_t>(at - scores.begin())];
  }
  size_t rank = 0;
  for (size_t j = 0; j < scores.size(); ++j) {
    rank += counts[j];
    ranks[scores[j].second] = std::min(rank, kMostCandidates);
  }
}

double IvfIndex::MeasureRecall(std::span<const float> queries, std::span<const int32_t> truth,
                               std::span<const int32_t> selves, int64_t k, Workers& workers) const {
  const size_t q = selves.size();
  const auto depth = static_cast<size_t>(k);
  const size_t shards = (q + kQueriesOfShard - 1) / kQueriesOfShard;
  std::vector<size_t> hits(shards, 0);
  std::vector<size_t> wanted(shards, 0);
  workers.Run(shards, [&](size_t shard) {
    Scratch scratch;
    std::vector<int32_t> ids(depth);
    std::vector<float> scores(depth);
    const size_t end = std::min(q, (shard + 1) * kQueriesOfShard);
    for (size_t i = shard * kQueriesOfShard; i < end; ++i) {
      const Admission admission(selves[i] < 0 ? std::span<const int32_t>() : selves.subspan(i, 1),
                                nullptr);
      SearchOne(queries.subspan(i * dimension_, dimension_), depth, admission, scratch, ids,
                scores);
      std::sort(ids.begin(), ids.end());
      for (size_t j = 0; j < depth; ++j) {
        const int32_t item = truth[i * kDeep + j];
        if (item < 0) continue;
        ++wanted[shard];
        hits[shard] += std::binary_search(ids.begin(), ids.end(), item) ? 1 : 0;
      }
    }
  });
  size_t found = 0;
  size_t all = 0;
  for (size_t shard = 0; shard < shards; ++shard) {
    found += hits[shard];
    all += wanted[shard];
  }
  return all == 0 ? 1 : static_cast<double>(found) / static_cast<double>(all);
}

void IvfIndex::Calibrate(std::span<const float> rows, std::span<const float> inner,
                         std::span<const float> queries, Workers& workers) {
  const size_t d = dimension_;
  const size_t n = rows.size() / d;
  const bool items_ask = queries.empty();
  efforts_ = {{{kShallow, 1, 1, 1}, {kDeep, 1, 1, 1}}};
  if (n == 0) return;
  const std::span<const float> source = items_ask ? rows : queries;
  const size_t available = source.size() / d;
  // Every third is kept to measure with; of one or two, the first do both.
  std::vector<float> chosen[2];
  std::vector<int32_t> selves[2];
  const size_t count = std::min(available, kQueries);
  for (size_t i = 0; i < count; ++i) {
    const size_t row = available * i / count;
    const size_t half = i % 3 == 2 ? 1 : 0;
    const std::span<const float> query = source.subspan(row * d, d);
    chosen[half].insert(chosen[half].end(), query.begin(), query.end());
    selves[half].push_back(items_ask ? static_cast<int32_t>(row) : -1);
  }
  if (selves[1].empty()) {
    chosen[1] = chosen[0];
    selves[1] = selves[0];
  }
  const auto truth_of = [&](size_t half) {
    return FindTruth(space_, inner, width(), chosen[half], selves[half], kDeep, workers);
  };
  const std::vector<int32_t> learnt = truth_of(0);
  const std::vector<int32_t> kept = truth_of(1);
  FindEfforts(chosen[0], learnt, selves[0], workers);
  for (IvfEffort& effort : efforts_) {
    for (int round = 0;; ++round) {
      effort.measured_recall = MeasureRecall(chosen[1], kept, selves[1], effort.k, workers);
      if (effort.measured_recall >= target_recall_ || round == kRounds) break;
      const auto more = [](int64_t x) {
        return static_cast<int64_t>(std::ceil(static_cast<double>(x) * kMore));
      };
      effort.lists = std::min(more(effort.lists), static_cast<int64_t>(lists_));
      effort.candidates = more(effort.candidates);
    }
  }
}

}  // namespace tandem::index
