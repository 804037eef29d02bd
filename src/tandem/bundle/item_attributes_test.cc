#include "tandem/bundle/item_attributes.h"

#include <gtest/gtest.h>

#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/index/filter.h"

namespace tandem::bundle {
namespace {

// In the tiny bundle odd rows are comedies, those that leave 1 by 3 dramas, and none a western.
TEST(ItemAttributes, AreTheCategoriesAndThePopularityOfEachItem) {
  const Bundle bundle = testing::TinyBundle(1);
  const auto table = ItemAttributes(bundle.items);
  ASSERT_TRUE(table.ok()) << table.status();
  const auto rows = [&](std::string_view filter) {
    return index::EvaluateFilter(filter, *table).value();
  };
  const index::Bitmap both = rows("category = Comedy AND category = Drama");
  const index::Bitmap none = rows("category IS MISSING");
  const index::Bitmap popular = rows("popularity >= 5");
  for (int32_t row = 0; row < 60; ++row) {
    EXPECT_EQ(both.Contains(row), row % 2 == 1 && row % 3 == 1) << row;
    EXPECT_EQ(none.Contains(row), row % 2 == 0 && row % 3 != 1) << row;
    EXPECT_EQ(popular.Contains(row), bundle.items.popularity[static_cast<size_t>(row)] >= 5);
  }
  EXPECT_TRUE(rows("category = Western").Empty());
}

}  // namespace
}  // namespace tandem::bundle
