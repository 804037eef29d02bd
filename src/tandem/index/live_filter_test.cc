// Filters on the attributes of a LiveIndex, against a list whose items are asked one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/live_index.h"

namespace tandem::index {
namespace {

using Floats = std::vector<float>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct Film {
  std::string id;
  float score = 0;  // the vector is (score), the query (1)
  std::vector<std::string> genres;
  double year = kMissing;

  bool Is(const std::string& genre) const {
    return std::find(genres.begin(), genres.end(), genre) != genres.end();
  }
};

const std::vector<AttributeField> kFields = {{"genre", AttributeKind::kCategory},
                                             {"year", AttributeKind::kNumber}};

AttributeTable TableOf(const std::vector<Film>& films) {
  AttributeTable table(static_cast<int64_t>(films.size()));
  std::vector<double> years;
  std::vector<std::string> values;
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> codes;
  for (const Film& film : films) {
    years.push_back(film.year);
    for (const std::string& genre : film.genres) {
      codes.push_back(static_cast<int32_t>(values.size()));
      values.push_back(genre);
    }
    offsets.push_back(static_cast<int64_t>(codes.size()));
  }
  EXPECT_TRUE(table.AddNumbers("year", years).ok());
  EXPECT_TRUE(table.AddCategories("genre", values, offsets, codes).ok());
  return table;
}

Status Add(LiveIndex& index, const std::vector<Film>& films) {
  std::vector<std::string> ids;
  Floats scores;
  for (const Film& film : films) {
    ids.push_back(film.id);
    scores.push_back(film.score);
  }
  const AttributeTable table = TableOf(films);
  return index.Upsert(ids, scores, &table);
}

std::vector<std::string> Find(const LiveIndex& index, const std::string& filter,
                              std::vector<std::string> exclude = {}, int64_t k = 9) {
  const auto found = index.Search(Floats{1}, k, {.exclude = std::move(exclude), .filter = filter});
  EXPECT_TRUE(found.ok()) << found.status();
  std::vector<std::string> ids;
  if (!found.ok()) return ids;
  for (const Neighbor& hit : *found) ids.push_back(hit.id);
  return ids;
}

Film RandomFilm(Rng& rng) {
  Film film{.id = std::to_string(rng.UniformInt(80)),
            .score = static_cast<float>(rng.UniformInt(20))};
  for (const char* genre : {"Comedy", "Drama", "Horror"}) {
    if (rng.UniformInt(3) == 0) film.genres.emplace_back(genre);
  }
  if (rng.UniformInt(4) > 0) film.year = 1990 + static_cast<double>(rng.UniformInt(10));
  return film;
}

TEST(LiveFilterTest, FiltersAreAnsweredAsByAListWhereverTheItemsAre) {
  using Passes = std::function<bool(const Film&)>;
  const std::vector<std::pair<std::string, Passes>> filters = {
      {"genre = Comedy", [](const Film& film) { return film.Is("Comedy"); }},
      {"NOT genre IN (Drama, Horror)",
       [](const Film& film) { return !film.Is("Drama") && !film.Is("Horror"); }},
      {"genre IS MISSING", [](const Film& film) { return film.genres.empty(); }},
      {"year >= 1995 AND genre != Drama",
       [](const Film& film) { return film.year >= 1995 && !film.Is("Drama"); }},
      {"year IS MISSING OR genre = Western",
       [](const Film& film) { return std::isnan(film.year); }},
  };
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    MemoryEnv env;
    const LiveOptions options = {.attributes = kFields,
                                 .merge_at = seed == 1 ? 1000 : 30,
                                 .merge_in_background = seed % 2 == 0};
    auto index = LiveIndex::Create(1, options).value();
    std::vector<Film> list;
    const auto erase = [&list](const std::string& id) {
      list.erase(std::remove_if(list.begin(), list.end(),
                                [&id](const Film& film) { return film.id == id; }),
                 list.end());
    };
    for (int step = 0; step < 300; ++step) {
      std::vector<Film> batch;
      for (uint64_t i = rng.UniformInt(3); i > 0; --i) batch.push_back(RandomFilm(rng));
      ASSERT_TRUE(Add(*index, batch).ok());
      for (const Film& film : batch) {
        erase(film.id);
        list.push_back(film);
      }
      if (rng.UniformInt(3) == 0 && !list.empty()) {
        const std::string id = list[rng.UniformInt(list.size())].id;
        ASSERT_TRUE(index->Delete(id).ok());
        erase(id);
      }
      if (rng.UniformInt(40) == 0) {
        ASSERT_TRUE(index->Flush().ok());
      }
      if (rng.UniformInt(80) == 0) {
        ASSERT_TRUE(index->Save(env, "i").ok());
        index = LiveIndex::Open(env, "i", {.merge_at = options.merge_at}).value();
      }
      const auto& [filter, passes] = filters[rng.UniformInt(filters.size())];
      const std::string excluded = list.empty() ? "" : list[rng.UniformInt(list.size())].id;
      std::vector<Film> ranking;
      for (const Film& film : list) {
        if (passes(film) && film.id != excluded) ranking.push_back(film);
      }
      std::stable_sort(ranking.begin(), ranking.end(),
                       [](const Film& a, const Film& b) { return a.score > b.score; });
      std::vector<std::string> want;
      for (size_t i = 0; i < ranking.size() && i < 9; ++i) want.push_back(ranking[i].id);
      ASSERT_EQ(Find(*index, filter, {excluded}), want) << filter;
    }
  }
}

TEST(LiveFilterTest, EachQueryOfABatchMayHaveAFilterOfItsOwn) {
  const auto index = LiveIndex::Create(1, {.attributes = kFields}).value();
  ASSERT_TRUE(Add(*index, {{"a", 3, {"Comedy"}, 1990}, {"b", 2, {"Drama"}, 2000}}).ok());
  const std::vector<LiveSearch> searches = {
      {.filter = "genre = Drama"}, {}, {.filter = "year < 2000"}};
  const auto found = index->SearchBatch(Floats{1, 1, 1}, 2, searches).value();
  EXPECT_THAT(found[0], ElementsAre(Neighbor{"b", 2}));
  EXPECT_THAT(found[1], ElementsAre(Neighbor{"a", 3}, Neighbor{"b", 2}));
  EXPECT_THAT(found[2], ElementsAre(Neighbor{"a", 3}));
  LiveSearch drama{.filter = "genre = Drama"};
  EXPECT_THAT(*index->NeighborsOf("a", 5, drama), ElementsAre(Neighbor{"b", 6}));
}

TEST(LiveFilterTest, AttributesAreReplacedWithTheItemAndMayBeLeftOut) {
  const auto index = LiveIndex::Create(1, {.attributes = kFields}).value();
  ASSERT_TRUE(Add(*index, {{"a", 3, {"Comedy"}, 1990}, {"b", 2, {"Comedy"}, 2000}}).ok());
  ASSERT_TRUE(index->Upsert("a", Floats{3}).ok());
  AttributeTable only_year(1);
  ASSERT_TRUE(only_year.AddNumbers("year", {1980}).ok());
  ASSERT_TRUE(index->Upsert("c", Floats{1}, &only_year).ok());
  for (const bool merged : {false, true}) {
    if (merged) {
      ASSERT_TRUE(index->Flush().ok());
    }
    EXPECT_THAT(Find(*index, "genre = Comedy"), ElementsAre("b"));
    EXPECT_THAT(Find(*index, "genre IS MISSING"), ElementsAre("a", "c"));
    EXPECT_THAT(Find(*index, "year < 1990"), ElementsAre("c"));
  }
}

// "comedy drama 1990", "- missing".
std::string Text(const Result<AttributeTable>& row) {
  if (!row.ok()) return row.status().ToString();
  std::string text;
  const CategoryColumn& genres = row->Find("genre")->categories;
  for (int32_t i = 0; i < genres.size(); ++i) text += StrCat(genres.Value(i), ' ');
  const double year = row->Find("year")->numbers[0];
  return text + (std::isnan(year) ? "missing" : StrCat(year));
}

TEST(LiveFilterTest, TheAttributesOfAnItemComeBackWhereverItIs) {
  const auto index = LiveIndex::Create(1, {.attributes = kFields}).value();
  ASSERT_TRUE(Add(*index, {{"a", 3, {"War"}, 1990}, {"b", 2, {}, 2000}}).ok());
  ASSERT_TRUE(index->Flush().ok());
  ASSERT_TRUE(Add(*index, {{"a", 3, {"Drama", "Comedy"}, 1995}, {"c", 1, {"War"}, kMissing}}).ok());
  ASSERT_TRUE(index->Upsert("d", Floats{0}).ok());
  for (const bool merged : {false, true}) {
    if (merged) {
      ASSERT_TRUE(index->Flush().ok());
    }
    EXPECT_EQ(Text(index->Attributes("a")), "Comedy Drama 1995");
    EXPECT_EQ(Text(index->Attributes("b")), "2000");
    EXPECT_EQ(Text(index->Attributes("c")), "War missing");
    EXPECT_EQ(Text(index->Attributes("d")), "missing");
    EXPECT_EQ(index->Attributes("e").status().code(), StatusCode::kNotFound);
  }
  const auto taken = index->Attributes("a");
  ASSERT_TRUE(index->Upsert("e", Floats{5}, &*taken).ok()) << "as Upsert takes them";
  EXPECT_EQ(Text(index->Attributes("e")), "Comedy Drama 1995");
  const auto none = LiveIndex::Create(1).value();
  ASSERT_TRUE(none->Upsert("a", Floats{1}).ok());
  EXPECT_TRUE(none->Attributes("a")->columns().empty());
}

TEST(LiveFilterTest, AnOpenedIndexMayHaveMoreAttributesThanItsFile) {
  MemoryEnv env;
  ASSERT_TRUE(LiveIndex::Create(1).value()->Save(env, "empty").ok());
  const auto first = LiveIndex::Create(1, {.attributes = {kFields[0]}}).value();
  ASSERT_TRUE(first->Upsert("a", Floats{3}).ok());
  ASSERT_TRUE(first->Save(env, "i").ok());
  const auto index = LiveIndex::Open(env, "i", {.attributes = kFields}).value();
  ASSERT_TRUE(Add(*index, {{"b", 2, {"Drama"}, 2000}}).ok());
  EXPECT_THAT(Find(*index, "genre = Drama AND year = 2000"), ElementsAre("b"));
  EXPECT_THAT(Find(*index, "year IS MISSING"), ElementsAre("a"));
  EXPECT_EQ(LiveIndex::Open(env, "i", {.attributes = {{"genre", AttributeKind::kNumber}}})
                .status()
                .code(),
            StatusCode::kInvalidArgument);
}

TEST(LiveFilterTest, UnknownAttributesAreRefusedByNameAndNothingChanges) {
  const auto index = LiveIndex::Create(1, {.attributes = kFields}).value();
  AttributeTable table(1);
  ASSERT_TRUE(table.AddNumbers("length", {90}).ok());
  EXPECT_THAT(index->Upsert("a", Floats{1}, &table).message(),
              HasSubstr("no attribute \"length\"; known: genre, year"));
  AttributeTable other_kind(1);
  ASSERT_TRUE(other_kind.AddNumbers("genre", {1}).ok());
  EXPECT_THAT(index->Upsert("a", Floats{1}, &other_kind).message(),
              HasSubstr("\"genre\" is of the kind number, expected category"));
  const AttributeTable two(2);
  EXPECT_THAT(index->Upsert("a", Floats{1}, &two).message(), HasSubstr("of 2 items for 1"));
  EXPECT_EQ(index->size(), 0);

  const auto code = [&](const std::string& filter) {
    return index->Search(Floats{1}, 1, {.filter = filter}).status().code();
  };
  EXPECT_EQ(code("length < 90"), StatusCode::kInvalidArgument);
  EXPECT_EQ(code("year = Drama"), StatusCode::kInvalidArgument);
  EXPECT_EQ(code("year <"), StatusCode::kInvalidArgument);
  EXPECT_EQ(code("year < 1990"), StatusCode::kOk);
  EXPECT_EQ(LiveIndex::Create(1, {.attributes = {{"", AttributeKind::kNumber}}}).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem::index
