// Changes to the items of an index, beside a model of them: a list of named items with what is
// known of each.
#include "tandem/index/index_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/filter.h"

namespace tandem::index {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kDimension = 3;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Item {
  std::string id;
  std::vector<float> vector;
  std::set<std::string> genres;
  std::optional<int> year;

  friend bool operator==(const Item&, const Item&) = default;
};

// With the columns that are named, in the order of the names.
IndexItems ItemsOf(const std::vector<Item>& list, bool genres = true, bool years = true) {
  const auto n = static_cast<int64_t>(list.size());
  IndexItems items = {.dimension = kDimension,
                      .vectors = {},
                      .owner = nullptr,
                      .ids = IdMap::Identity(n),
                      .attributes = AttributeTable(n)};
  std::vector<float> vectors;
  std::vector<std::string_view> ids;
  std::vector<std::string> values;
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> codes;
  std::vector<double> numbers;
  for (const Item& item : list) {
    vectors.insert(vectors.end(), item.vector.begin(), item.vector.end());
    ids.push_back(item.id);
    for (const std::string& genre : item.genres) {
      codes.push_back(static_cast<int32_t>(values.size()));
      values.push_back(genre);
    }
    offsets.push_back(static_cast<int64_t>(codes.size()));
    numbers.push_back(item.year.has_value() ? *item.year : kNone);
  }
  items.SetVectors(std::move(vectors));
  items.ids = IdMap::Build(ids).value();
  if (genres) {
    EXPECT_TRUE(items.attributes.AddCategories("genre", values, offsets, codes).ok());
  }
  if (years) {
    EXPECT_TRUE(items.attributes.AddNumbers("year", numbers).ok());
  }
  return items;
}

std::vector<Item> ListOf(const IndexItems& items) {
  std::vector<Item> list(static_cast<size_t>(items.ids.size()));
  const auto d = static_cast<size_t>(kDimension);
  for (size_t row = 0; row < list.size(); ++row) {
    list[row].id = items.ids.Id(static_cast<int32_t>(row)).value();
    const auto begin = items.vectors.begin() + static_cast<std::ptrdiff_t>(row * d);
    list[row].vector.assign(begin, begin + kDimension);
    const double year = items.attributes.Find("year")->numbers[row];
    if (!std::isnan(year)) list[row].year = static_cast<int>(year);
  }
  const CategoryColumn& genres = items.attributes.Find("genre")->categories;
  for (int32_t i = 0; i < genres.size(); ++i) {
    Bitmap rows(list.size());
    genres.AddRows(i, rows);
    EXPECT_FALSE(rows.Empty()) << "a value that no item has: " << genres.Value(i);
    rows.ForEach([&](int32_t row) {
      list[static_cast<size_t>(row)].genres.insert(std::string(genres.Value(i)));
    });
  }
  return list;
}

std::vector<Item>::iterator Find(std::vector<Item>& list, const std::string& id) {
  return std::find_if(list.begin(), list.end(), [&](const Item& item) { return item.id == id; });
}

TEST(IndexUpdateTest, ChangesAtRandomLeaveWhatAModelOfThemHolds) {
  Rng rng(7);
  std::vector<Item> model;
  IndexItems items = ItemsOf(model);
  size_t most = 0;
  for (int round = 0; round < 200; ++round) {
    if (rng.UniformInt(4) == 0) {
      std::vector<int32_t> rows;
      std::vector<Item> left;
      for (size_t row = 0; row < model.size(); ++row) {
        if (rng.UniformInt(6) == 0) {
          rows.insert(rows.begin(), static_cast<int32_t>(row));
          if (rng.UniformInt(2) == 0) rows.push_back(static_cast<int32_t>(row));  // counts once
        } else {
          left.push_back(model[row]);
        }
      }
      ASSERT_TRUE(RemoveItems(rows, items).ok());
      model = left;
    } else {
      std::map<std::string, Item> more;
      for (size_t i = rng.UniformInt(9); i > 0; --i) {
        Item item = {
            .id = StrCat("item ", rng.UniformInt(60)), .vector = {}, .genres = {}, .year = {}};
        for (int64_t j = 0; j < kDimension; ++j) item.vector.push_back(rng.Normal());
        for (size_t j = rng.UniformInt(3); j > 0; --j)
          item.genres.insert(StrCat("g", rng.UniformInt(5)));
        if (rng.UniformInt(3) > 0) item.year = static_cast<int>(rng.UniformInt(100));
        more[item.id] = item;
      }
      const bool genres = rng.UniformInt(2) == 0;
      const bool years = rng.UniformInt(2) == 0;
      std::vector<Item> list;
      UpsertCounts expected;
      for (auto& [id, item] : more) {
        list.push_back(item);
        const auto old = Find(model, id);
        ++(old == model.end() ? expected.added : expected.replaced);
        if (!genres) item.genres = old == model.end() ? std::set<std::string>() : old->genres;
        if (!years) item.year = old == model.end() ? std::optional<int>() : old->year;
        if (old == model.end()) {
          model.push_back(item);
        } else {
          *old = item;
        }
      }
      const auto counts = UpsertItems(ItemsOf(list, genres, years), items);
      ASSERT_TRUE(counts.ok()) << counts.status();
      EXPECT_EQ(counts->added, expected.added);
      EXPECT_EQ(counts->replaced, expected.replaced);
    }
    most = std::max(most, model.size());
    ASSERT_EQ(ListOf(items), model) << "round " << round;
    ASSERT_TRUE(items.ids.Verify().ok());
  }
  EXPECT_GT(most, 20u);
}

TEST(IndexUpdateTest, RowNumbersStayTheIdsWhereTheNewOnesFollow) {
  const auto items_of = [](IdMap ids, float number) {
    const int64_t n = ids.size();
    IndexItems items = {.dimension = 1,
                        .vectors = {},
                        .owner = nullptr,
                        .ids = std::move(ids),
                        .attributes = AttributeTable(n)};
    items.SetVectors(std::vector<float>(static_cast<size_t>(n), number));
    return items;
  };
  const auto numbered = [&](int64_t n) { return items_of(IdMap::Identity(n), 1); };
  const auto named = [&](const std::vector<std::string_view>& ids) {
    return items_of(IdMap::Build(ids).value(), 2);
  };
  IndexItems items = numbered(3);
  ASSERT_TRUE(UpsertItems(named({"3", "1", "4"}), items).ok());
  EXPECT_TRUE(items.ids.is_identity());
  EXPECT_THAT(items.vectors, ElementsAre(1, 2, 1, 2, 2));
  const int32_t last[] = {4, 3};
  ASSERT_TRUE(RemoveItems(last, items).ok());
  EXPECT_TRUE(items.ids.is_identity());
  EXPECT_EQ(items.ids.size(), 3);

  IndexItems skips = numbered(3);
  ASSERT_TRUE(UpsertItems(named({"4", "3"}), skips).ok());
  EXPECT_FALSE(skips.ids.is_identity());
  EXPECT_EQ(skips.ids.Find("4"), 3);
  EXPECT_EQ(skips.ids.Find("2"), 2);

  IndexItems middle = numbered(3);
  const int32_t one[] = {1};
  ASSERT_TRUE(RemoveItems(one, middle).ok());
  EXPECT_EQ(middle.ids.Find("2"), 1) << "an item keeps its id";
  EXPECT_EQ(middle.ids.Find("1"), -1);
  const int32_t both[] = {0, 1};
  ASSERT_TRUE(RemoveItems(both, middle).ok());
  EXPECT_EQ(middle.ids.size(), 0);
  EXPECT_TRUE(middle.ids.is_identity());
  EXPECT_TRUE(middle.vectors.empty());
}

TEST(IndexUpdateTest, WhatDoesNotFitIsRefusedAndChangesNothing) {
  const std::vector<Item> list = {{"a", {1, 2, 3}, {"x"}, 1990}, {"b", {4, 5, 6}, {}, {}}};
  IndexItems items = ItemsOf(list);
  IndexItems more = ItemsOf({{"c", {7, 8, 9}, {}, {}}}, false, false);
  const auto error = [&](const IndexItems& bad) {
    const auto counts = UpsertItems(bad, items);
    EXPECT_EQ(counts.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(ListOf(items), list);
    return counts.status().message();
  };
  more.dimension = 1;
  EXPECT_EQ(error(more), "expected vectors of dimension 3, got 1");
  more.dimension = kDimension;
  ASSERT_TRUE(more.attributes.AddNumbers("genre", {1}).ok());
  EXPECT_EQ(error(more), "attribute \"genre\" is of the kind number, expected category");
  more.attributes = AttributeTable(1);
  ASSERT_TRUE(more.attributes.AddNumbers("yaer", {1}).ok());
  EXPECT_EQ(error(more), "the index has no attribute \"yaer\"; known: genre, year");
}

TEST(IndexUpdateTest, CopiesWhatAFileHoldsAndNothingDamaged) {
  const std::vector<Item> list = {{"a", {1, 2, 3}, {"x"}, 1990}, {"b", {4, 5, 6}, {}, {}}};
  const IndexItems items = ItemsOf(list);
  MemoryEnv env;
  const auto engine = ExactIndex::Create(items.vectors, 2, kDimension).value();
  ASSERT_TRUE(WriteIndexFile(env, "i", *engine, items.ids, items.attributes).ok());
  const auto file = OpenIndexFile(env, "i");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto copy = CopyItems(*file);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(ListOf(*copy), list);
}

// Adding one item to an index of bytes rounds the others again: to the same bytes. For kCosine the
// first time also makes up for the length that rounding took from a vector.
TEST(IndexUpdateTest, VectorsOfBytesAndOfLengthOneStayAsTheyAreWhenBuiltAgain) {
  constexpr int64_t kItems = 300;
  for (const int64_t d : {1, 7, 32}) {
    for (const Metric metric : kMetrics) {
      for (const RowFormat format : {RowFormat::kFloat, RowFormat::kInt8}) {
        Rng rng(static_cast<uint64_t>(d));
        std::vector<float> rows(static_cast<size_t>(kItems * d));
        for (float& x : rows) x = rng.Normal() * std::exp(rng.Normal());
        const ExactOptions options = {.metric = metric, .rows = format};
        const auto copy = [d](const ExactIndex& index) {
          std::vector<float> copied(static_cast<size_t>(kItems * d));
          for (int32_t row = 0; row < kItems; ++row) {
            index.CopyVector(row, std::span(copied).subspan(static_cast<size_t>(row * d),
                                                            static_cast<size_t>(d)));
          }
          return copied;
        };
        const auto first = copy(*ExactIndex::Create(rows, kItems, d, options).value());
        const auto second = copy(*ExactIndex::Create(first, kItems, d, options).value());
        const auto third = copy(*ExactIndex::Create(second, kItems, d, options).value());
        const bool is_rescaled = metric == Metric::kCosine && format == RowFormat::kInt8;
        for (size_t i = 0; i < first.size(); ++i) {
          const float size = std::abs(first[i]);
          ASSERT_NEAR(second[i], first[i], (is_rescaled ? 1e-2 : 1e-6) * size)
              << MetricName(metric) << " d " << d << (format == RowFormat::kInt8 ? " bytes" : "");
          ASSERT_NEAR(third[i], second[i], 1e-6 * size);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tandem::index
