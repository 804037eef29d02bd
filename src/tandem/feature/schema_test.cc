#include "tandem/feature/schema.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::feature {
namespace {

const std::vector<std::string> kHeader = {"userId", "movieId", "rating"};

TEST(LocateTest, FindsByNameAndByNumber) {
  EXPECT_EQ(Locate(ColumnNamed("movieId"), kHeader, 3).value(), 1u);
  EXPECT_EQ(Locate(ColumnNumber(3), kHeader, 3).value(), 2u);
  EXPECT_EQ(Locate(ColumnNumber(1), {}, 4).value(), 0u);
}

TEST(LocateTest, NamesTheColumnsThereAre) {
  EXPECT_EQ(Locate(ColumnNamed("stars"), kHeader, 3).status().message(),
            "there is no column 'stars'; the columns are userId, movieId, rating");
  EXPECT_EQ(Locate(ColumnNumber(4), kHeader, 3).status().message(),
            "there is no column 4; the columns are 1 to 3: userId, movieId, rating");
  EXPECT_EQ(Locate(ColumnNumber(0), {}, 3).status().message(),
            "there is no column 0; the columns are 1 to 3");
  EXPECT_EQ(Locate(ColumnNamed("a"), {"a", "b", "a"}, 3).status().message(),
            "column 'a' is there twice; the columns are a, b, a");
  EXPECT_EQ(Locate(ColumnNamed("a"), {}, 3).status().message(),
            "column 'a' is given by name, but the file has no header line");
}

TEST(ColumnTest, KnowsWhetherItIsSet) {
  EXPECT_FALSE(Column().is_set());
  EXPECT_TRUE(ColumnNamed("a").is_set());
  EXPECT_TRUE(ColumnNumber(1).is_set());
  EXPECT_EQ(Describe(ColumnNamed("a")), "a");
  EXPECT_EQ(Describe(ColumnNumber(2)), "2");
}

}  // namespace
}  // namespace tandem::feature
