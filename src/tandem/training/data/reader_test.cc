#include "tandem/training/data/reader.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/training/data/layouts.h"

namespace tandem::data {
namespace {

using Strings = std::vector<std::string>;

Layout Named(std::string_view name) { return PresetLayout(name).value(); }

Result<Loaded<Interactions>> Interact(const std::string& bytes,
                                      const feature::InteractionSchema& schema,
                                      BadRow on_bad_row = BadRow::kFail) {
  MemoryEnv env;
  EXPECT_TRUE(env.WriteFile("ratings.csv", bytes).ok());
  ReadOptions options;
  options.on_bad_row = on_bad_row;
  return ReadInteractions(env, "ratings.csv", schema, options);
}

Result<Loaded<Interactions>> Small(const std::string& bytes, BadRow on_bad_row = BadRow::kFail) {
  return Interact(bytes, Named("movielens-small").interactions, on_bad_row);
}

Result<Loaded<Catalogue>> Items(const std::string& bytes, std::string_view layout) {
  MemoryEnv env;
  EXPECT_TRUE(env.WriteFile("movies", bytes).ok());
  return ReadCatalogue(env, "movies", Named(layout).items);
}

constexpr char kHeader[] = "userId,movieId,rating,timestamp\n";

TEST(ReadInteractionsTest, ReadsColumnsByHeader) {
  const Interactions rows =
      Small("timestamp,rating,movieId,userId\n7,4.5,31,10\n8,2,9,2\n9,3,31,2\n").value().data;
  EXPECT_EQ(rows.users.tokens(), (Strings{"2", "10"}));
  EXPECT_EQ(rows.items.tokens(), (Strings{"9", "31"}));
  EXPECT_EQ(rows.user, (std::vector<int32_t>{1, 0, 0}));
  EXPECT_EQ(rows.item, (std::vector<int32_t>{1, 0, 1}));
  EXPECT_EQ(rows.rating, (std::vector<float>{4.5f, 2, 3}));
  EXPECT_EQ(rows.time, (std::vector<int64_t>{7, 8, 9}));
}

TEST(ReadInteractionsTest, ReadsTheOtherLayouts) {
  for (const auto& [layout, bytes] :
       std::vector<std::pair<std::string, std::string>>{{"movielens-100k", "196\t242\t3\t88\n"},
                                                        {"tsv", "196\t242\t3\t88"},
                                                        {"movielens-1m", "196::242::3::88\r\n"}}) {
    const auto loaded = Interact(bytes, Named(layout).interactions);
    ASSERT_TRUE(loaded.ok()) << layout << " " << loaded.status();
    EXPECT_EQ(loaded->data.users.tokens(), Strings{"196"});
    EXPECT_EQ(loaded->data.items.tokens(), Strings{"242"});
    EXPECT_EQ(loaded->data.rating[0], 3);
    EXPECT_EQ(loaded->data.time[0], 88);
  }
}

TEST(ReadInteractionsTest, RatingAndTimeMayBeMissing) {
  feature::InteractionSchema schema = Named("tsv").interactions;
  schema.rating = {};
  schema.time = {};
  const Interactions rows = Interact("a\tx\nb\ty\n", schema).value().data;
  EXPECT_EQ(rows.rating, (std::vector<float>{1, 1}));
  EXPECT_EQ(rows.time, (std::vector<int64_t>{0, 0}));
}

TEST(ReadInteractionsTest, ABadRowIsNamedByFileLineColumnAndValue) {
  const std::string good = "1,2,3,4\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1,2,abc,4\n", "expected a number in column 'rating', got 'abc'"},
      {"1,2,,4\n", "expected a number in column 'rating', got ''"},
      {"1,2,3,4.5\n", "expected a whole number in column 'timestamp', got '4.5'"},
      {",2,3,4\n", "expected an id in column 'userId', got ''"},
      {"1,2,3\n", "expected 4 fields, got 3"},
      {"1,2,3,4,5\n", "expected 4 fields, got 5"},
  };
  for (const auto& [row, message] : cases) {
    const auto loaded = Small(StrCat(kHeader, good, row, good));
    ASSERT_FALSE(loaded.ok()) << row;
    EXPECT_EQ(loaded.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(loaded.status().message(), "ratings.csv:3: " + message);
  }
  for (const char* number : {"nan", "NaN", "inf", "-inf", "1e99"}) {
    const auto loaded = Small(StrCat(kHeader, "1,2,", number, ",4\n"));
    ASSERT_FALSE(loaded.ok()) << number;
    EXPECT_NE(loaded.status().message().find("number in column 'rating', got '"), std::string::npos)
        << loaded.status();
  }
  const std::string long_id(1025, 'x');
  EXPECT_EQ(Small(kHeader + long_id + ",2,3,4\n").status().message(),
            "ratings.csv:2: expected an id of at most 1024 bytes in column 'userId', got '" +
                std::string(40, 'x') + "...'");
}

TEST(ReadInteractionsTest, SkipsAndCountsBadRowsOnRequest) {
  const auto loaded = Small(
      StrCat(kHeader, "1,2,3,4\n1,2\n7,8,nan,4\n5,6,1,4\n1,\xff,3,4\n9,9,9,9\n"), BadRow::kSkip);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->skipped_rows, 3);
  EXPECT_EQ(loaded->first_skipped, "ratings.csv:3: expected 4 fields, got 2");
  // Ids that only bad rows have leave nothing behind.
  EXPECT_EQ(loaded->data.users.tokens(), (Strings{"1", "5", "9"}));
  EXPECT_EQ(Small(StrCat(kHeader, "1,2\n3\n"), BadRow::kSkip).status().message(),
            "no row is usable; the first: ratings.csv:2: expected 4 fields, got 2");
}

TEST(ReadInteractionsTest, AMissingColumnNamesTheColumnsThereAre) {
  EXPECT_EQ(Small("userId,movieId,stars,timestamp\n1,2,3,4\n").status().message(),
            "ratings.csv: rating: there is no column 'rating'; the columns are userId, movieId, "
            "stars, timestamp");
  // Not a row to skip: every row would be one.
  EXPECT_EQ(Interact("1\t2\t3\n", Named("tsv").interactions, BadRow::kSkip).status().message(),
            "ratings.csv:1: time: there is no column 4; the columns are 1 to 3");
}

TEST(ReadInteractionsTest, RefusesFilesWithoutRows) {
  EXPECT_EQ(Small("").status().message(), "ratings.csv: the file is empty, expected a header line");
  EXPECT_EQ(Small(kHeader).status().message(), "ratings.csv: no rows after the header line");
  EXPECT_EQ(Interact("", Named("tsv").interactions).status().message(),
            "ratings.csv: the file is empty");
  EXPECT_EQ(ReadInteractions(MemoryEnv(), "none.csv", Named("tsv").interactions).status().code(),
            StatusCode::kNotFound);
}

TEST(ReadInteractionsTest, WhatIsNoCsvIsNamedByFileAndLineOnce) {
  EXPECT_EQ(Small(StrCat(kHeader, "1,2,3,4\n\xff,2,3,4\n")).status().message(),
            "ratings.csv:3: expected UTF-8, got other bytes; is the file in Latin-1?");
  EXPECT_EQ(Small(StrCat(kHeader, "1,2,3,4\n1,\"2,3,4\n")).status().message(),
            "ratings.csv:3: expected a closing quote, got the end");
  EXPECT_EQ(Small(StrCat(kHeader, "\"1\" ,2,3,4\n"), BadRow::kSkip).status().message(),
            "no row is usable; the first: ratings.csv:2: expected the delimiter or the end of the "
            "line after a closing quote");
}

TEST(ReadInteractionsTest, ATruncatedFileNeverCrashes) {
  const std::string bytes = StrCat(kHeader, "1,\"2\",3,4\n5,6,1.5,7\n");
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto loaded = Small(bytes.substr(0, length));
    EXPECT_TRUE(!loaded.ok() || loaded->data.size() >= 1) << length;
  }
}

TEST(ReadCatalogueTest, ReadsTitlesAndCategoryLists) {
  const Catalogue films =
      Items(
          "movieId,title,genres\n10,\"American President, The (1995)\",Drama|Comedy|Drama\n"
          "9,,(no genres listed)\n",
          "movielens-small")
          .value()
          .data;
  EXPECT_EQ(films.ids.tokens(), (Strings{"9", "10"}));
  EXPECT_EQ(films.titles, (Strings{"9", "American President, The (1995)"}));
  EXPECT_EQ(films.categories.tokens(), (Strings{"Comedy", "Drama"}));
  EXPECT_EQ(films.category_offsets, (std::vector<int64_t>{0, 0, 2}));
  EXPECT_EQ(films.category, (std::vector<int32_t>{1, 2}));
}

TEST(ReadCatalogueTest, ReadsFlagColumnsInLatin1) {
  // Les Miserables with an e acute in Latin-1; flags 1 (Action) and 8 (Drama) of 0 to 18.
  const Catalogue films =
      Items("7|Les Mis\xe9rables|d||u|0|1|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0\n", "movielens-100k")
          .value()
          .data;
  EXPECT_EQ(films.titles, Strings{"Les Mis\xc3\xa9rables"});
  EXPECT_EQ(films.categories.tokens(), (Strings{"Action", "Drama"}));
  EXPECT_EQ(films.category, (std::vector<int32_t>{1, 2}));
}

TEST(ReadCatalogueTest, ReadsMovieLens1M) {
  const Catalogue films =
      Items("1::Toy Story (1995)::Animation|Children's\n", "movielens-1m").value().data;
  EXPECT_EQ(films.titles, Strings{"Toy Story (1995)"});
  EXPECT_EQ(films.categories.tokens(), (Strings{"Animation", "Children's"}));
}

TEST(ReadCatalogueTest, RefusesRepeatedItemsAndOddFlags) {
  EXPECT_EQ(Items("movieId,title,genres\n1,a,b\n1,c,d\n", "movielens-small").status().message(),
            "movies:3: expected every item once in column 'movieId', got '1'");
  EXPECT_EQ(Items("7|a|d||u|0|2|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0\n", "movielens-100k")
                .status()
                .message(),
            "movies:1: expected 0 or 1 in column '7', got '2'");
  EXPECT_EQ(Items("7|a|d||u|0\n", "movielens-100k").status().message(),
            "movies:1: category flags: there is no column 24; the columns are 1 to 6");
}

TEST(PresetLayoutTest, ListsTheChoices) {
  EXPECT_EQ(PresetLayout("movielens").status().message(),
            "layout 'movielens' is not known; the choices are movielens-100k, movielens-1m, "
            "movielens-small, tsv");
}

}  // namespace
}  // namespace tandem::data
