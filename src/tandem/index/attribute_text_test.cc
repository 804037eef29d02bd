#include "tandem/index/attribute_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace tandem::index {
namespace {

// "row row " for each row that has the value.
std::string RowsWith(const AttributeTable& table, std::string_view name, std::string_view value) {
  const CategoryColumn& column = table.Find(name)->categories;
  Bitmap rows(static_cast<size_t>(table.size()));
  const int32_t i = value.empty() ? column.size() : column.Find(value);
  if (i < 0) return "no such value";
  column.AddRows(i, rows);
  std::string out;
  rows.ForEach([&](int32_t row) { out += StrCat(row, ' '); });
  return out;
}

TEST(AttributeText, IsTypedByWhatIsInTheColumn) {
  const auto table = ReadAttributes(
      "genre,year,note,zip:category,votes:number,mixed\n"
      "Comedy|War,1990,,01234,,1\n"
      "\"War\",1.5e3,,,7,x\n"
      ",,,01234,,\n",
      3);
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->columns().size(), 6U);
  for (const char* name : {"genre", "note", "zip", "mixed"}) {
    EXPECT_EQ(table->Find(name)->kind, AttributeKind::kCategory) << name;
  }
  EXPECT_EQ(RowsWith(*table, "genre", "Comedy"), "0 ");
  EXPECT_EQ(RowsWith(*table, "genre", "War"), "0 1 ");
  EXPECT_EQ(RowsWith(*table, "genre", ""), "2 ");
  EXPECT_EQ(RowsWith(*table, "note", ""), "0 1 2 ");
  EXPECT_EQ(RowsWith(*table, "zip", "01234"), "0 2 ");
  EXPECT_EQ(RowsWith(*table, "mixed", "1"), "0 ");
  const AttributeColumn& year = *table->Find("year");
  ASSERT_EQ(year.kind, AttributeKind::kNumber);
  EXPECT_EQ(year.numbers[0], 1990);
  EXPECT_EQ(year.numbers[1], 1500);
  EXPECT_TRUE(std::isnan(year.numbers[2]));
  EXPECT_EQ(table->Find("votes")->numbers[1], 7);
}

TEST(AttributeText, PutsLinesInTheRowsOfTheirIds) {
  AttributeTextOptions options;
  options.delimiter = '\t';
  options.row_of = [](std::string_view id) { return id == "film a" ? 2 : id == "b" ? 0 : -1; };
  const std::string text = "id\tgenre\tyear\nfilm a\tWar|Drama\t1\nz\tComedy\t2\nb\t\"War\t3\n";
  EXPECT_EQ(ReadAttributes(text, 3, options).status().message(),
            "line 3, column \"id\": no item has the id \"z\"");
  options.skip_unknown_ids = true;
  const auto table = ReadAttributes(text, 3, options);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(RowsWith(*table, "genre", "War"), "2 ");
  EXPECT_EQ(RowsWith(*table, "genre", "Drama"), "2 ");
  EXPECT_EQ(RowsWith(*table, "genre", "\"War"), "0 ");
  EXPECT_EQ(RowsWith(*table, "genre", ""), "1 ");
  EXPECT_EQ(table->Find("year")->numbers[0], 3);
  EXPECT_TRUE(std::isnan(table->Find("year")->numbers[1]));
  EXPECT_EQ(table->Find("year")->numbers[2], 1);
}

TEST(AttributeText, TakesIdsForRowNumbersWhereNothingElseIsSaid) {
  const auto table = ReadAttributes("id,year\n2,12\n0,10\n", 3);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->Find("year")->numbers[0], 10);
  EXPECT_EQ(table->Find("year")->numbers[2], 12);
  EXPECT_FALSE(ReadAttributes("id,year\n3,12\n", 3).ok());
  EXPECT_FALSE(ReadAttributes("id,year\nx,12\n", 3).ok());
}

TEST(AttributeText, ColumnsThatAreKnownHaveTheKindTheyHaveThere) {
  const auto known = ReadAttributes("zip:category,year,size\n01234,1990,3\n", 1);
  ASSERT_TRUE(known.ok()) << known.status();
  AttributeTextOptions options;
  options.like = &*known;
  const auto table = ReadAttributes("zip,year,size:category,new\n4321,,L,1\n", 1, options);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->Find("zip")->kind, AttributeKind::kCategory) << "all of its values are numbers";
  EXPECT_EQ(table->Find("year")->kind, AttributeKind::kNumber) << "it has no value";
  EXPECT_EQ(table->Find("size")->kind, AttributeKind::kCategory) << "the text says so";
  EXPECT_EQ(table->Find("new")->kind, AttributeKind::kNumber);
  EXPECT_EQ(ReadAttributes("year\nlast\n", 1, options).status().message(),
            "line 2, column \"year\": expected a number or nothing, got \"last\"");
}

TEST(AttributeText, ErrorsNameTheLineAndTheColumn) {
  const auto error = [](std::string_view text) {
    return ReadAttributes(text, 2).status().message();
  };
  EXPECT_EQ(error("year:number,b\n1,x\nabc,y\n"),
            "line 3, column \"year\": expected a number or nothing, got \"abc\"");
  EXPECT_EQ(error("year:number\n1\nnan\n"),
            "line 3, column \"year\": expected a number or nothing, got \"nan\"");
  EXPECT_EQ(error("a,b\n1,2\n3\n"), "line 3: 1 fields, expected 2 as in the first line");
  EXPECT_EQ(error("a,b:numbr\n"),
            "line 1, column 2: the kind of \"b\" is \"numbr\", expected number or category");
  EXPECT_EQ(error("a,b,a\n1,2,3\n"), "line 1, column 3: attribute \"a\" is there twice");
  EXPECT_EQ(error("id,\n1,2\n"),
            "line 1, column 2: an attribute's name has 0 bytes, expected 1 to 256 bytes of UTF-8");
  EXPECT_EQ(error("a\n1\n2\n3\n"), "line 4: more lines than the 2 rows");
  EXPECT_EQ(error("a\n1\n"),
            "there are 1 lines below the names for 2 rows: give one for each, or name the first "
            "column \"id\"");
  EXPECT_EQ(error("id,a\n1,x\n1,y\n"), "line 3, column \"id\": \"1\" is on line 2 too");
  EXPECT_EQ(error(""), "no line that names the columns");
  EXPECT_EQ(error(StrCat("a\nx\n", std::string(1025, 'y'), "\n")),
            "line 3, column \"a\": a value of 1025 bytes, expected at most 1024");
  EXPECT_NE(error("a\nx\n\"y\n").find("line 3"), std::string::npos) << error("a\nx\n\"y\n");
  EXPECT_NE(error("a\nx\n\xff\n").find("line 3"), std::string::npos);
}

}  // namespace
}  // namespace tandem::index
