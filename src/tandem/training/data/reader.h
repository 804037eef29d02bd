// Reads interactions and items from delimited text files.
//
// Ids stay the strings of the file. Text is checked to be valid in its encoding and kept as
// UTF-8. A row is bad where it has another number of fields than the first line, an empty or
// overlong id, a rating that is no finite number, a time that is no whole number, or quotes that
// do not end; an item that was there before is bad too. Pure functions of the file; thread-safe.
//
// Errors name file, line and what was expected, "ratings.csv:17: expected a number in column
// 'rating', got 'abc'": kInvalidArgument for rows, columns and files without rows; the Env's own
// where a file cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tandem/base/env.h"
#include "tandem/feature/schema.h"
#include "tandem/training/data/dataset.h"

namespace tandem::data {

enum class BadRow {
  kFail,  // the first bad row is the answer
  kSkip,  // leave it out and count it; fails only where no row is left
};

struct ReadOptions {
  BadRow on_bad_row = BadRow::kFail;
};

template <typename T>
struct Loaded {
  T data;
  int64_t skipped_rows = 0;
  std::string first_skipped;  // what was wrong with the first of them
};

Result<Loaded<Interactions>> ReadInteractions(const Env& env, const std::string& path,
                                              const feature::InteractionSchema& schema,
                                              const ReadOptions& options = {});

Result<Loaded<Catalogue>> ReadCatalogue(const Env& env, const std::string& path,
                                        const feature::ItemSchema& schema,
                                        const ReadOptions& options = {});

}  // namespace tandem::data
