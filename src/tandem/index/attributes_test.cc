#include "tandem/index/attributes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "tandem/base/rng.h"

namespace tandem::index {
namespace {

using Lists = std::vector<std::vector<std::string>>;

// One list of values for each row.
Status AddLists(AttributeTable& table, std::string_view name, const Lists& lists) {
  std::vector<std::string> values;
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> codes;
  for (const auto& list : lists) {
    for (const std::string& value : list) {
      codes.push_back(static_cast<int32_t>(values.size()));
      values.push_back(value);
    }
    offsets.push_back(static_cast<int64_t>(codes.size()));
  }
  return table.AddCategories(name, values, offsets, codes);
}

std::vector<int32_t> RowsWith(const CategoryColumn& column, int32_t i, size_t n) {
  Bitmap rows(n);
  column.AddRows(i, rows);
  std::vector<int32_t> found;
  rows.ForEach([&](int32_t row) { found.push_back(row); });
  return found;
}

TEST(Attributes, KeepTheRowsOfEachValueAndThoseOfNone) {
  AttributeTable table(4);
  ASSERT_TRUE(
      AddLists(table, "genre", {{"Drama", "Comedy"}, {}, {"Comedy", "Comedy"}, {"War"}}).ok());
  ASSERT_NE(table.Find("genre"), nullptr);
  EXPECT_EQ(table.Find("Genre"), nullptr);
  const CategoryColumn& genre = table.Find("genre")->categories;
  ASSERT_EQ(genre.size(), 3);
  EXPECT_EQ(genre.Value(0), "Comedy");
  EXPECT_EQ(genre.Value(1), "Drama");
  EXPECT_EQ(genre.Value(2), "War");
  EXPECT_EQ(genre.Find("War"), 2);
  EXPECT_EQ(genre.Find("Wa"), -1);
  EXPECT_EQ(genre.Find("Zorro"), -1);
  EXPECT_EQ(RowsWith(genre, 0, 4), (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(RowsWith(genre, 1, 4), (std::vector<int32_t>{0}));
  EXPECT_EQ(RowsWith(genre, 3, 4), (std::vector<int32_t>{1}));
}

// Of 200 rows, values of 8 and more are kept as bits: "common" is, "rare" is a list.
TEST(Attributes, ARowHasWhatIsKnownOfOneItem) {
  constexpr int32_t kItems = 200;
  Lists lists(kItems);
  std::vector<double> years(kItems, std::numeric_limits<double>::quiet_NaN());
  for (size_t row = 0; row < kItems; ++row) {
    if (row % 3 == 0) lists[row].emplace_back("common");
    if (row % 50 == 0) lists[row].emplace_back("rare");
    if (row % 2 == 0) years[row] = static_cast<double>(row);
  }
  AttributeTable table(kItems);
  ASSERT_TRUE(AddLists(table, "tag", lists).ok());
  ASSERT_TRUE(table.AddNumbers("year", years).ok());
  for (int32_t row = 0; row < kItems; ++row) {
    const auto one = table.Row(row);
    ASSERT_TRUE(one.ok()) << one.status();
    EXPECT_EQ(one->size(), 1);
    ASSERT_EQ(one->columns().size(), 2u);
    EXPECT_EQ(one->columns()[0].name, "tag");
    const CategoryColumn& tag = one->columns()[0].categories;
    std::vector<std::string> values;
    for (int32_t i = 0; i < tag.size(); ++i) values.emplace_back(tag.Value(i));
    EXPECT_EQ(values, lists[static_cast<size_t>(row)]) << row;
    const double year = one->Find("year")->numbers[0];
    EXPECT_TRUE(row % 2 == 0 ? year == row : std::isnan(year)) << row;
  }
  EXPECT_EQ(table.Row(-1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(table.Row(kItems).status().message(), "row 200 of a table of 200 rows");
}

// 200 rows are 4 words, 8 numbers of 32 bits: values of 8 rows and more are kept as bits. The
// dictionary has values of every share, so both kinds are there.
TEST(Attributes, EqualAMapFromValuesToRows) {
  Rng rng(5);
  for (const size_t n : {0U, 1U, 31U, 32U, 64U, 200U}) {
    SCOPED_TRACE(n);
    std::map<std::string, std::set<int32_t>> want;
    Lists lists(n);
    for (size_t row = 0; row < n; ++row) {
      for (uint64_t v = 0; v < 9; ++v) {
        if (rng.UniformInt(v * v + 2) != 0) continue;  // shares from 1/2 to 1/66
        lists[row].push_back(StrCat("v", v));
        want[lists[row].back()].insert(static_cast<int32_t>(row));
      }
    }
    AttributeTable table(static_cast<int64_t>(n));
    ASSERT_TRUE(AddLists(table, "v", lists).ok());
    const CategoryColumn& column = table.Find("v")->categories;
    ASSERT_EQ(static_cast<size_t>(column.size()), want.size());
    for (const auto& [value, rows] : want) {
      const int32_t i = column.Find(value);
      ASSERT_GE(i, 0) << value;
      EXPECT_EQ(RowsWith(column, i, n), std::vector<int32_t>(rows.begin(), rows.end())) << value;
      EXPECT_EQ(column.Count(i), static_cast<int64_t>(rows.size())) << value;
    }
    EXPECT_LE(column.arrays().postings.size(), (want.size() + 1) * 2 * ((n + 63) / 64));
  }
}

TEST(Attributes, OfACopyAreThoseOfTheTable) {
  const auto copy = [] {
    AttributeTable table(2);
    EXPECT_TRUE(table.AddNumbers("year", {1990, std::nan("")}).ok());
    EXPECT_TRUE(AddLists(table, "genre", {{"War"}, {}}).ok());
    return AttributeTable(table);
  }();
  EXPECT_EQ(copy.columns()[0].numbers[0], 1990);
  EXPECT_TRUE(std::isnan(copy.columns()[0].numbers[1]));
  EXPECT_EQ(copy.columns()[1].categories.Value(0), "War");
}

TEST(Attributes, RefuseWhatDoesNotFitAndNameTheColumn) {
  AttributeTable table(2);
  ASSERT_TRUE(table.AddNumbers("year", {1, 2}).ok());
  const std::vector<std::string> values = {"War"};
  const auto add = [&](std::vector<int64_t> offsets, std::vector<int32_t> codes) {
    return table.AddCategories("genre", values, offsets, codes);
  };
  for (const Status& status :
       {table.AddNumbers("genre", {1}), table.AddNumbers("genre", {1, 2, 3}),
        table.AddNumbers("genre", {1, std::numeric_limits<double>::infinity()}), add({0, 1}, {0}),
        add({0, 2, 1}, {0}), add({1, 1, 1}, {0}), add({0, 1, 2}, {0, 1}), add({0, 1, 2}, {0, -1}),
        add({0, 0, 0}, {0}), AddLists(table, "genre", {{""}, {}}),
        AddLists(table, "genre", {{std::string(1025, 'a')}, {}})}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("\"genre\""), std::string::npos) << status;
  }
  EXPECT_EQ(table.AddNumbers("year", {1, 2}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(table.AddNumbers("", {1, 2}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(table.columns().size(), 1U);
}

TEST(Attributes, AreAtMostSoManyColumns) {
  AttributeTable table(0);
  for (size_t i = 0; i < kMaxAttributes; ++i) ASSERT_TRUE(table.AddNumbers(StrCat(i), {}).ok());
  EXPECT_EQ(table.AddNumbers("more", {}).code(), StatusCode::kResourceExhausted);
}

// A good column of 70 rows (4 numbers of 32 bits): "a" in rows 3 and 69 as a list, "b" in bits.
struct Arrays {
  std::string text = "ab";
  std::vector<uint32_t> text_starts = {0, 1, 2};
  std::vector<uint64_t> starts = {0, 2, 6, 6};
  std::vector<uint32_t> postings = {3, 69, 0xffffffff, 1, 0x3f, 0};

  Status Check() const {
    return AttributeTable(70).AddCategoriesView(
        "c", {.text = text, .text_starts = text_starts, .starts = starts, .postings = postings},
        nullptr);
  }
};

TEST(Attributes, OfDamagedArraysAreRefused) {
  ASSERT_TRUE(Arrays().Check().ok());
  const std::vector<void (*)(Arrays&)> damages = {
      [](Arrays& a) { a.text_starts = {}; },
      [](Arrays& a) {
        a.text_starts = {0, 1, 1};
      },
      [](Arrays& a) {
        a.text_starts = {0, 9, 2};
      },
      [](Arrays& a) {
        a.text_starts = {1, 1, 2};
      },
      [](Arrays& a) {
        a.text_starts = {0, 2};
      },
      [](Arrays& a) { a.text = "ba"; },
      [](Arrays& a) { a.text = "aa"; },
      [](Arrays& a) { a.text.pop_back(); },
      [](Arrays& a) { a.starts = {}; },
      [](Arrays& a) {
        a.starts = {0, 2, 6};
      },
      [](Arrays& a) {
        a.starts = {0, 1, 6, 6};
      },  // 5 numbers: neither a list nor bits
      [](Arrays& a) {
        a.starts = {0, 9, 6, 6};
      },
      [](Arrays& a) {
        a.starts = {0, 7, 6, 6};
      },
      [](Arrays& a) {
        a.starts = {0, 2, 6, 7};
      },
      [](Arrays& a) { a.postings.pop_back(); },
      [](Arrays& a) { a.postings[1] = 70; },
      [](Arrays& a) { a.postings[1] = 3; },
      [](Arrays& a) { a.postings[0] = 0xffffffff; },
      [](Arrays& a) { a.postings[4] = 0x40; },  // row 64 + 6 = 70
      [](Arrays& a) { a.postings[5] = 1; },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    Arrays arrays;
    damages[i](arrays);
    const Status status = arrays.Check();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << i << ": " << status;
    EXPECT_NE(status.message().find("\"c\""), std::string::npos) << status;
  }
  AttributeTable table(2);
  EXPECT_EQ(table.AddNumbersView("y", std::vector<double>{1}, nullptr).code(),
            StatusCode::kDataLoss);
}

}  // namespace
}  // namespace tandem::index
