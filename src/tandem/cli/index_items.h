// Items for an index: vectors, ids and attributes from files, or all of them from a bundle.
#pragma once

#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/cli/index_input.h"
#include "tandem/index/index_file.h"
#include "tandem/index/index_update.h"

namespace tandem::cli {

struct ItemSource {
  VectorSource vectors;    // a directory is a bundle: its items, with their ids and attributes
  std::string ids;         // a line for each vector; empty: row numbers are the ids
  std::string attributes;  // a table with a line for each vector, or with a column "id"
};

// Whether it is a directory, and so the base path of bundles or the directory of a version.
bool IsBundle(const Env& env, const std::string& path);

// Errors name the file and the line. kInvalidArgument also for flags that a bundle has no use for.
Result<index::IndexItems> ReadItems(const Env& env, const ItemSource& source);

// To be added to an index: of its dimension, attributes of its kinds, and where its ids are row
// numbers and the source has none the row numbers that follow.
Result<index::IndexItems> ReadItemsFor(const Env& env, const ItemSource& source,
                                       const index::IndexFile& index);

}  // namespace tandem::cli
