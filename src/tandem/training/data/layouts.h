// The layouts of files that are known by name.
#pragma once

#include <string_view>

#include "tandem/base/status.h"
#include "tandem/feature/schema.h"

namespace tandem::data {

struct Layout {
  feature::InteractionSchema interactions;
  feature::ItemSchema items;
};

// movielens-100k (u.data, u.item), movielens-1m (ratings.dat, movies.dat), movielens-small
// (ratings.csv, movies.csv), tsv (headerless user, item,
// rating, time; items headerless id, title, categories). kInvalidArgument lists the names.
Result<Layout> PresetLayout(std::string_view name);

}  // namespace tandem::data
