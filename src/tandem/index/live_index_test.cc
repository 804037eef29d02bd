// LiveIndex against a list of (id, vector) in the order of insertion. Numbers are small multiples
// of 1/8, so that every sum is exact and ties are true ties.
#include "tandem/index/live_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/index_file.h"
#include "tandem/index/metric.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Neighbor Near(std::string id, float score) { return {std::move(id), score}; }

class Model {
 public:
  explicit Model(Metric metric = Metric::kDot) : metric_(metric) {}
  void Upsert(const std::string& id, const Floats& vector) {
    Delete(id);
    items_.emplace_back(id, vector);
  }
  bool Delete(const std::string& id) {
    const auto at = std::find_if(items_.begin(), items_.end(),
                                 [&id](const auto& item) { return item.first == id; });
    if (at == items_.end()) return false;
    items_.erase(at);
    return true;
  }
  std::vector<Neighbor> Search(const Floats& query, int64_t k,
                               const std::vector<std::string>& exclude) const {
    std::vector<Neighbor> ranking;
    for (const auto& [id, vector] : items_) {
      if (std::find(exclude.begin(), exclude.end(), id) != exclude.end()) continue;
      float score = 0;
      for (size_t i = 0; i < query.size(); ++i) {
        const float difference = query[i] - vector[i];
        score += metric_ == Metric::kDot ? query[i] * vector[i] : -difference * difference;
      }
      ranking.push_back({id, score});
    }
    std::stable_sort(ranking.begin(), ranking.end(),
                     [](const Neighbor& a, const Neighbor& b) { return a.score > b.score; });
    ranking.resize(std::min(ranking.size(), static_cast<size_t>(k)));
    return ranking;
  }
  const std::vector<std::pair<std::string, Floats>>& items() const { return items_; }

 private:
  Metric metric_;
  std::vector<std::pair<std::string, Floats>> items_;
};

Floats Eighths(size_t n, Rng& rng) {
  Floats values(n);
  for (float& x : values) x = (static_cast<float>(rng.UniformInt(17)) - 8) / 8;
  return values;
}

void ExpectEqual(const LiveIndex& index, const Model& model, Rng& rng) {
  ASSERT_EQ(index.size(), static_cast<int64_t>(model.items().size()));
  const Floats query = Eighths(static_cast<size_t>(index.dimension()), rng);
  const auto k = static_cast<int64_t>(1 + rng.UniformInt(12));
  LiveSearch search;
  for (uint64_t i = rng.UniformInt(4); i > 0 && !model.items().empty(); --i) {
    search.exclude.push_back(model.items()[rng.UniformInt(model.items().size())].first);
  }
  search.exclude.emplace_back("nobody");
  const auto found = index.Search(query, k, search);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(*found, model.Search(query, k, search.exclude));
  if (model.items().empty()) return;
  const auto& [id, vector] = model.items()[rng.UniformInt(model.items().size())];
  ASSERT_EQ(*index.Vector(id), vector);
  ASSERT_EQ(*index.NeighborsOf(id, k), model.Search(vector, k, {id}));
}

void RandomChange(LiveIndex& index, Model& model, uint64_t ids, Rng& rng) {
  const auto d = static_cast<size_t>(index.dimension());
  const std::string id = std::to_string(rng.UniformInt(ids));
  const uint64_t dice = rng.UniformInt(100);
  if (dice < 55) {
    const Floats vector = Eighths(d, rng);
    ASSERT_TRUE(index.Upsert(id, vector).ok());
    model.Upsert(id, vector);
  } else if (dice < 90) {
    const Status status = index.Delete(id);
    ASSERT_EQ(status.code(), model.Delete(id) ? StatusCode::kOk : StatusCode::kNotFound);
    ASSERT_FALSE(index.Contains(id));
  } else {
    std::vector<std::string> batch;
    for (uint64_t i = rng.UniformInt(8); i > 0; --i) {
      batch.push_back(std::to_string(rng.UniformInt(ids)));
    }
    const Floats vectors = Eighths(d * batch.size(), rng);
    ASSERT_TRUE(index.Upsert(batch, vectors).ok());
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto at = vectors.begin() + static_cast<std::ptrdiff_t>(i * d);
      model.Upsert(batch[i], Floats(at, at + static_cast<std::ptrdiff_t>(d)));
    }
  }
}

TEST(LiveIndexTest, FindsAsItIsToldAndForgets) {
  const auto index = LiveIndex::Create(2).value();
  EXPECT_THAT(*index->Search(Floats{1, 1}, 3), IsEmpty());
  ASSERT_TRUE(index->Upsert("a", Floats{1, 0}).ok());
  ASSERT_TRUE(index->Upsert("b", Floats{0, 3}).ok());
  ASSERT_TRUE(index->Upsert("c", Floats{2, 2}).ok());
  // (1, 1) . a = 1, . b = 3, . c = 4
  EXPECT_THAT(*index->Search(Floats{1, 1}, 2), ElementsAre(Near("c", 4), Near("b", 3)));
  ASSERT_TRUE(index->Upsert("a", Floats{5, 0}).ok());
  ASSERT_TRUE(index->Delete("c").ok());
  EXPECT_THAT(*index->Search(Floats{1, 1}, 9), ElementsAre(Near("a", 5), Near("b", 3)));
  // a . b = 0
  EXPECT_THAT(*index->NeighborsOf("a", 1), ElementsAre(Near("b", 0)));
  EXPECT_THAT(*index->Vector("a"), ElementsAre(5, 0));
  EXPECT_EQ(index->size(), 2);
  EXPECT_EQ(index->dimension(), 2);
}

TEST(LiveIndexTest, TiesGoByTheOrderOfInsertionAndAReplacedItemIsInsertedAnew) {
  const auto index = LiveIndex::Create(1).value();
  for (const char* id : {"z", "y", "x"}) ASSERT_TRUE(index->Upsert(id, Floats{1}).ok());
  const auto in_order = ElementsAre(Near("z", 1), Near("y", 1), Near("x", 1));
  EXPECT_THAT(*index->Search(Floats{1}, 3), in_order);
  ASSERT_TRUE(index->Flush().ok());
  EXPECT_THAT(*index->Search(Floats{1}, 3), in_order);
  ASSERT_TRUE(index->Upsert("z", Floats{1}).ok());
  const auto anew = ElementsAre(Near("y", 1), Near("x", 1), Near("z", 1));
  EXPECT_THAT(*index->Search(Floats{1}, 3), anew);
  ASSERT_TRUE(index->Flush().ok());
  EXPECT_THAT(*index->Search(Floats{1}, 3), anew);
}

TEST(LiveIndexTest, IsEqualToAListUnderRandomChangesWhereverMergesFall) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    MemoryEnv env;
    const LiveOptions options = {.metric = seed % 4 < 2 ? Metric::kDot : Metric::kL2,
                                 .merge_at = 1 + static_cast<int64_t>(rng.UniformInt(40)),
                                 .merge_in_background = seed % 2 == 0};
    auto index = LiveIndex::Create(3, options).value();
    Model model(options.metric);
    for (int step = 0; step < 600; ++step) {
      ASSERT_NO_FATAL_FAILURE(RandomChange(*index, model, 60, rng));
      if (rng.UniformInt(50) == 0) {
        ASSERT_TRUE(index->Flush().ok());
      }
      if (rng.UniformInt(100) == 0) {
        ASSERT_TRUE(index->Save(env, "i.index").ok());
        index = LiveIndex::Open(env, "i.index", {.merge_at = options.merge_at}).value();
        ASSERT_EQ(index->metric(), options.metric);
      }
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(*index, model, rng));
    }
  }
}

// More deaths in the base than a state lists (128), more rows than a log begins with (1024).
TEST(LiveIndexTest, IsEqualToAListWhenManyChangesWaitForAMerge) {
  Rng rng(7);
  const auto index = LiveIndex::Create(3, {.merge_in_background = false}).value();
  Model model;
  for (int round = 0; round < 2; ++round) {
    for (int step = 0; step < 2000; ++step) {
      ASSERT_NO_FATAL_FAILURE(RandomChange(*index, model, 2000, rng));
      if (step % 50 == 0) {
        ASSERT_NO_FATAL_FAILURE(ExpectEqual(*index, model, rng));
      }
    }
    EXPECT_GT(index->stats().pending, 1024);
    ASSERT_TRUE(index->Flush().ok());
    EXPECT_EQ(index->stats().pending, 0);
    EXPECT_EQ(index->stats().base, index->size());
    ASSERT_NO_FATAL_FAILURE(ExpectEqual(*index, model, rng));
  }
}

// 3-4-5: the item (3, 4) has length 5 and (0.6, 0.8) length 1.
TEST(LiveIndexTest, TheCosineIsThatOfVectorsOfLengthOne) {
  const auto index = LiveIndex::Create(2, {.metric = Metric::kCosine}).value();
  ASSERT_TRUE(index->Upsert("long", Floats{3, 4}).ok());
  ASSERT_TRUE(index->Upsert("zero", Floats{0, 0}).ok());
  ASSERT_TRUE(index->Upsert("back", Floats{-2, 0}).ok());
  EXPECT_THAT(*index->Vector("long"), ElementsAre(0.6F, 0.8F));
  for (const bool merged : {false, true}) {
    if (merged) {
      ASSERT_TRUE(index->Flush().ok());
    }
    EXPECT_THAT(*index->Search(Floats{10, 0}, 3),
                ElementsAre(Near("long", 0.6F), Near("zero", 0), Near("back", -1)));
    EXPECT_THAT(*index->Vector("long"), ElementsAre(0.6F, 0.8F));
  }
}

// What has been rounded once must not be rounded again: neither scores nor vectors may change.
TEST(LiveIndexTest, MergingChangesNoScoreByAsMuchAsABit) {
  Rng rng(11);
  for (const Metric metric : kMetrics) {
    SCOPED_TRACE(MetricName(metric));
    const auto index =
        LiveIndex::Create(19, {.metric = metric, .merge_in_background = false}).value();
    Floats vector(19);
    for (int i = 0; i < 400; ++i) {
      for (float& x : vector) x = rng.Normal();
      ASSERT_TRUE(index->Upsert(std::to_string(i), vector).ok());
    }
    Floats queries(19 * 5);
    for (float& x : queries) x = rng.Normal();
    const auto before = index->SearchBatch(queries, 400).value();
    const Floats seventh = index->Vector("7").value();
    ASSERT_TRUE(index->Flush().ok());
    EXPECT_EQ(index->SearchBatch(queries, 400).value(), before);
    EXPECT_EQ(index->Vector("7").value(), seventh);
    ASSERT_TRUE(index->Upsert("7", seventh).ok());
    EXPECT_EQ(index->Vector("7").value(), seventh);
  }
}

TEST(LiveIndexTest, AnEmptyIndexAndOneWithRowNumbersForIdsAreOpened) {
  MemoryEnv env;
  ASSERT_TRUE(LiveIndex::Create(2, {.metric = Metric::kL2}).value()->Save(env, "i").ok());
  const auto empty = LiveIndex::Open(env, "i").value();
  EXPECT_EQ(empty->size(), 0);
  EXPECT_EQ(empty->dimension(), 2);
  EXPECT_EQ(empty->metric(), Metric::kL2);
  ASSERT_TRUE(empty->Upsert("a", Floats{1, 2}).ok());
  EXPECT_THAT(*empty->Search(Floats{1, 0}, 1), ElementsAre(Near("a", -4)));

  const auto exact = ExactIndex::Create(Floats{1, 2, 3}, 3, 1).value();
  ASSERT_TRUE(WriteIndexFile(env, "n", *exact, IdMap::Identity(3), AttributeTable(3)).ok());
  const auto numbered = LiveIndex::Open(env, "n").value();
  EXPECT_THAT(*numbered->Search(Floats{1}, 2), ElementsAre(Near("2", 3), Near("1", 2)));
  ASSERT_TRUE(numbered->Delete("2").ok());
  ASSERT_TRUE(numbered->Upsert("a", Floats{9}).ok());
  ASSERT_TRUE(numbered->Flush().ok());
  EXPECT_THAT(*numbered->Search(Floats{1}, 2), ElementsAre(Near("a", 9), Near("1", 2)));
}

TEST(LiveIndexTest, AFullDiskLeavesTheOldFileAndTheIndex) {
  MemoryEnv env;
  const auto index = LiveIndex::Create(1).value();
  ASSERT_TRUE(index->Upsert("a", Floats{1}).ok());
  ASSERT_TRUE(index->Save(env, "i").ok());
  ASSERT_TRUE(index->Upsert("b", Floats{2}).ok());
  int failures = 0;
  for (int change = 1;; ++change) {
    env.FailFromChange(change);
    const Status saved = index->Save(env, "i");
    env.FailFromChange(0);
    if (saved.ok()) break;
    ++failures;
    EXPECT_EQ(saved.code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(LiveIndex::Open(env, "i").value()->size(), 1);
    EXPECT_EQ(index->size(), 2);
  }
  EXPECT_GT(failures, 5);  // file, sections, rename
  EXPECT_EQ(LiveIndex::Open(env, "i").value()->size(), 2);
  EXPECT_EQ(LiveIndex::Open(env, "nowhere").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(env.WriteFile("i", "not an index").ok());
  EXPECT_EQ(LiveIndex::Open(env, "i").status().code(), StatusCode::kDataLoss);
}

TEST(LiveIndexTest, ABatchOfQueriesIsAnsweredAsEachAlone) {
  Rng rng(3);
  const auto index = LiveIndex::Create(4, {.merge_in_background = false}).value();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(index->Upsert(std::to_string(i), Eighths(4, rng)).ok());
    if (i == 30) {
      ASSERT_TRUE(index->Flush().ok());
    }
  }
  const Floats queries = Eighths(3 * 4, rng);
  const std::vector<LiveSearch> each = {{.exclude = {"1", "40", "1"}}, {}, {.exclude = {"7"}}};
  for (const size_t options : {0U, 1U, 3U}) {
    const auto batch = index->SearchBatch(queries, 60, std::span(each).first(options)).value();
    ASSERT_EQ(batch.size(), 3U);
    for (size_t q = 0; q < 3; ++q) {
      const std::span<const float> query = std::span<const float>(queries).subspan(q * 4, 4);
      const LiveSearch alone = options == 0 ? LiveSearch() : each[options == 1 ? 0 : q];
      EXPECT_EQ(batch[q], *index->Search(query, 60, alone));
    }
  }
  EXPECT_EQ(index->SearchBatch(queries, 60, std::span(each).first(1)).value()[2].size(), 48U);
  EXPECT_EQ(index->SearchBatch(queries, 60, std::span(each).first(2)).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(index->SearchBatch(std::span(queries).first(5), 1).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_THAT(*index->SearchBatch({}, 1), IsEmpty());
}

TEST(LiveIndexTest, BadInputIsRefusedAndChangesNothing) {
  const auto code = [](const auto& result) { return result.status().code(); };
  EXPECT_EQ(code(LiveIndex::Create(0)), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(LiveIndex::Create(1 << 30)), StatusCode::kInvalidArgument);
  EXPECT_EQ(code(LiveIndex::Create(1, {.merge_at = -1})), StatusCode::kInvalidArgument);

  const auto index = LiveIndex::Create(2).value();
  ASSERT_TRUE(index->Upsert("a", Floats{1, 2}).ok());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<Status> refused = {
      index->Upsert("b", Floats{1}),
      index->Upsert("b", Floats{1, 2, 3, 4}),
      index->Upsert("a", Floats{nan, 0}),
      index->Upsert("", Floats{1, 2}),
      index->Upsert(std::string(kMaxItemIdBytes + 1, 'x'), Floats{1, 2}),
      index->Upsert(std::vector<std::string>{"c", "d"}, Floats{1, 2, 3}),
      index->Upsert(std::vector<std::string>{"c", "d"}, Floats{1, 2, 3, inf}),
      index->Upsert(std::vector<std::string>{"c", ""}, Floats{1, 2, 3, 4}),
      index->Search(Floats{1}, 1).status(),
      index->Search(Floats{1, inf}, 1).status(),
      index->Search(Floats{1, 2}, 0).status(),
      index->SearchBatch(Floats{1, 2, 3, nan}, 1).status(),
      index->NeighborsOf("a", 0).status(),
  };
  for (const Status& status : refused) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
  }
  EXPECT_THAT(refused[6].message(), HasSubstr("'d' has a number that is not finite"));
  EXPECT_EQ(index->Delete("b").code(), StatusCode::kNotFound);
  EXPECT_EQ(code(index->Vector("b")), StatusCode::kNotFound);
  EXPECT_EQ(code(index->NeighborsOf("b", 1)), StatusCode::kNotFound);
  EXPECT_EQ(index->size(), 1);
  EXPECT_THAT(*index->Vector("a"), ElementsAre(1, 2));
  EXPECT_THAT(*index->Search(Floats{1, 1}, std::numeric_limits<int64_t>::max()),
              ElementsAre(Near("a", 3)));
  ASSERT_TRUE(index->Upsert(std::string(kMaxItemIdBytes, 'x'), Floats{1, 2}).ok());
}

TEST(LiveIndexTest, AMergeThatFailsKeepsTheOldBaseAndSaysSo) {
  enum { kGood, kError, kNoMemory } next = kGood;
  const auto build = [&next](std::span<const float> rows, int64_t n,
                             int64_t d) -> Result<std::unique_ptr<ItemIndex>> {
    if (next == kError) return UnavailableError("not now");
    if (next == kNoMemory) throw std::bad_alloc();
    TANDEM_ASSIGN_OR_RETURN(std::unique_ptr<ItemIndex> index, ExactIndex::Create(rows, n, d));
    return index;
  };
  const auto index = LiveIndex::Create(1, {.merge_in_background = false, .build = build}).value();
  ASSERT_TRUE(index->Upsert("a", Floats{1}).ok());
  ASSERT_TRUE(index->Flush().ok());
  ASSERT_TRUE(index->Upsert("b", Floats{2}).ok());
  next = kError;
  EXPECT_EQ(index->Flush().message(), "not now");
  EXPECT_EQ(index->stats().last_merge_error.code(), StatusCode::kUnavailable);
  next = kNoMemory;
  EXPECT_EQ(index->Flush().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(index->stats().last_merge_error.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(*index->Search(Floats{1}, 9), ElementsAre(Near("b", 2), Near("a", 1)));
  EXPECT_EQ(index->stats().merges, 1);
  EXPECT_EQ(index->stats().pending, 1);
  next = kGood;
  ASSERT_TRUE(index->Upsert("b", Floats{2}).ok());
  ASSERT_TRUE(index->Delete("a").ok());
  ASSERT_TRUE(index->Flush().ok());
  EXPECT_TRUE(index->stats().last_merge_error.ok());
  EXPECT_EQ(index->stats().base, 1);
  EXPECT_THAT(*index->Search(Floats{1}, 9), ElementsAre(Near("b", 2)));
}

}  // namespace
}  // namespace tandem::index
