// What the verbs of `tandem index` read: vectors, lists of items, an index with all that is in it.
// Errors name the file and the row, line or query. Safe to share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/index/index_file.h"

namespace tandem::cli {

struct Vectors {
  int64_t n = 0;
  int64_t d = 0;
  std::span<const float> values;  // [n, d], finite
  // Of the values: a copy of what is in the file, or the mapped file itself. That must not be
  // written in place, or cut short, while it is used; to replace it by another is fine.
  std::shared_ptr<const void> owner;
};

struct VectorSource {
  std::string path;       // .npy and .safetensors are known by name, else raw float32
  int64_t dimension = 0;  // 0: not told
  std::string tensor;     // empty: the only F32 array of two dimensions
};

// kInvalidArgument: no float32 [n, d] of the dimension, a number that is not finite (with its
// row); kDataLoss for files that are damaged.
Result<Vectors> ReadVectors(const Env& env, const VectorSource& source);

// kInvalidArgument where what is written to one would be lost to the other. An empty path is none.
struct NamedPath {
  std::string_view flag;
  const std::string& path;
};
Status CheckDifferent(const Env& env, const NamedPath& a, const NamedPath& b);

// The lines of a text file without their ends (\n or \r\n), views of text.
std::vector<std::string_view> Lines(std::string_view text);

// For each of `queries` queries the rows that must not be found, ascending, from a file with a line
// of ids (spaces between) for each query; the last line may be empty and without an end. Ids that
// no row has are passed over; where the index has row numbers as ids, anything but a number is an
// error.
Result<std::vector<std::vector<int32_t>>> ReadExclusions(const Env& env, const std::string& path,
                                                         const index::IdMap& ids, int64_t queries);

// A restriction as a search takes it.
class Restriction {
 public:
  static Result<Restriction> Read(const Env& env, const IndexRestriction& restriction,
                                  const index::IndexFile& index, int64_t queries);
  // For `count` queries from `begin` on; shows what this object holds.
  index::SearchOptions Options(int64_t k, size_t begin, size_t count) const;

 private:
  std::vector<std::vector<int32_t>> lists_;
  std::vector<std::span<const int32_t>> views_;
  std::shared_ptr<const index::Bitmap> filter_;
};

// Queries for the index: their dimension is the index's.
Result<Vectors> ReadQueries(const Env& env, const std::string& path, const std::string& tensor,
                            const index::IndexFile& index);

}  // namespace tandem::cli
