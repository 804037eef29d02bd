// Interactions and items as columns, the form in which all of training sees them.
//
// A row of a vocabulary is its id minus 1: user rows are 0..u-1 and item rows 0..n-1, and -1 is
// an id that the vocabulary does not know. Plain values; safe to read from many threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/feature/vocabulary.h"

namespace tandem::data {

// m interactions; all columns are [m].
struct Interactions {
  feature::Vocabulary users;
  feature::Vocabulary items;
  std::vector<int32_t> user;  // row of `users`, -1 unknown
  std::vector<int32_t> item;  // row of `items`, -1 unknown
  std::vector<float> rating;
  std::vector<int64_t> time;  // seconds since 1970

  int64_t size() const { return static_cast<int64_t>(user.size()); }
};

// n items.
struct Catalogue {
  feature::Vocabulary ids;
  std::vector<std::string> titles;  // [n], never empty: the id where an item has no title
  feature::Vocabulary categories;
  // The categories of item i are category[category_offsets[i] .. category_offsets[i + 1]):
  // ids of `categories` (1 and up), ascending, each once.
  std::vector<int64_t> category_offsets = {0};  // [n + 1]
  std::vector<int32_t> category;

  int32_t size() const { return ids.size(); }
  std::span<const int32_t> CategoriesOf(int32_t row) const;
};

// What a model is trained on: `train.items` and `catalogue.ids` are the same vocabulary, so that
// an item row means the same in both, and every row of `train` is known.
struct Dataset {
  Interactions train;
  Catalogue catalogue;
};

// The interactions at `rows`, in that order, with the same vocabularies.
Interactions Select(const Interactions& interactions, std::span<const int64_t> rows);

// The same interactions with rows of other vocabularies; what those do not know becomes -1.
Interactions Align(const Interactions& interactions, const feature::Vocabulary& users,
                   const feature::Vocabulary& items);

// Users are those that `train` mentions; items those that it mentions and all of the catalogue.
// An item that the catalogue lacks has its id as title and no categories. Ids that only the
// vocabularies of `train` know, such as those of a test split, are dropped.
// kInvalidArgument: no interactions, or one with an unknown row.
Result<Dataset> MakeDataset(const Interactions& train, const Catalogue& catalogue);

}  // namespace tandem::data
