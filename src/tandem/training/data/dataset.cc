#include "tandem/training/data/dataset.h"

#include <utility>

namespace tandem::data {
namespace {

// The tokens of a vocabulary that rows mention.
std::vector<std::string> Mentioned(const feature::Vocabulary& vocabulary,
                                   std::span<const int32_t> rows) {
  std::vector<char> used(static_cast<size_t>(vocabulary.size()), 0);
  for (const int32_t row : rows) used[static_cast<size_t>(row)] = 1;
  std::vector<std::string> tokens;
  for (int32_t row = 0; row < vocabulary.size(); ++row) {
    if (used[static_cast<size_t>(row)] != 0) tokens.push_back(vocabulary.Token(row + 1));
  }
  return tokens;
}

// [rows of `from`]: the row of the same token in `to`, -1 where there is none.
std::vector<int32_t> RowMap(const feature::Vocabulary& from, const feature::Vocabulary& to) {
  std::vector<int32_t> map;
  map.reserve(static_cast<size_t>(from.size()));
  for (const std::string& token : from.tokens()) map.push_back(to.Find(token) - 1);
  return map;
}

std::vector<int32_t> Mapped(std::span<const int32_t> rows, std::span<const int32_t> map) {
  std::vector<int32_t> mapped;
  mapped.reserve(rows.size());
  for (const int32_t row : rows) mapped.push_back(row < 0 ? -1 : map[static_cast<size_t>(row)]);
  return mapped;
}

Catalogue Extend(const Catalogue& catalogue, const feature::Vocabulary& ids) {
  Catalogue extended;
  extended.ids = ids;
  extended.categories = catalogue.categories;
  for (const std::string& id : ids.tokens()) {
    const int32_t row = catalogue.ids.Find(id) - 1;
    if (row < 0) {
      extended.titles.push_back(id);
    } else {
      extended.titles.push_back(catalogue.titles[static_cast<size_t>(row)]);
      const std::span<const int32_t> categories = catalogue.CategoriesOf(row);
      extended.category.insert(extended.category.end(), categories.begin(), categories.end());
    }
    extended.category_offsets.push_back(static_cast<int64_t>(extended.category.size()));
  }
  return extended;
}

}  // namespace

std::span<const int32_t> Catalogue::CategoriesOf(int32_t row) const {
  const size_t i = static_cast<size_t>(row);
  const size_t begin = static_cast<size_t>(category_offsets[i]);
  return std::span(category).subspan(begin, static_cast<size_t>(category_offsets[i + 1]) - begin);
}

Interactions Select(const Interactions& interactions, std::span<const int64_t> rows) {
  Interactions selected;
  selected.users = interactions.users;
  selected.items = interactions.items;
  for (const int64_t row : rows) {
    const size_t i = static_cast<size_t>(row);
    selected.user.push_back(interactions.user[i]);
    selected.item.push_back(interactions.item[i]);
    selected.rating.push_back(interactions.rating[i]);
    selected.time.push_back(interactions.time[i]);
  }
  return selected;
}

Interactions Align(const Interactions& interactions, const feature::Vocabulary& users,
                   const feature::Vocabulary& items) {
  Interactions aligned;
  aligned.users = users;
  aligned.items = items;
  aligned.user = Mapped(interactions.user, RowMap(interactions.users, users));
  aligned.item = Mapped(interactions.item, RowMap(interactions.items, items));
  aligned.rating = interactions.rating;
  aligned.time = interactions.time;
  return aligned;
}

Result<Dataset> MakeDataset(const Interactions& train, const Catalogue& catalogue) {
  if (train.size() == 0) return InvalidArgumentError("there are no interactions to train on");
  for (size_t i = 0; i < train.user.size(); ++i) {
    if (train.user[i] < 0 || train.item[i] < 0) {
      return InvalidArgumentError("interaction ", i, " has an unknown user or item");
    }
  }
  TANDEM_ASSIGN_OR_RETURN(const feature::Vocabulary users,
                          feature::Vocabulary::Build(Mentioned(train.users, train.user)));
  std::vector<std::string> item_ids = Mentioned(train.items, train.item);
  item_ids.insert(item_ids.end(), catalogue.ids.tokens().begin(), catalogue.ids.tokens().end());
  TANDEM_ASSIGN_OR_RETURN(const feature::Vocabulary items,
                          feature::Vocabulary::Build(std::move(item_ids)));
  return Dataset{Align(train, users, items), Extend(catalogue, items)};
}

}  // namespace tandem::data
