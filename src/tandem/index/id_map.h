// Item ids, any strings, and the rows 0..n-1 that they name: both ways, in constant time.
//
// The look-up from id to row is a table with open addressing that lies in the snapshot as it is
// used, so that opening builds nothing. An index without ids has the row numbers as ids, "0" to
// "n-1" in decimal, and stores nothing.
//
// Sections: "ids.offsets" u64 [n + 1], where each id begins in "ids.bytes"; "ids.table" u32, a
// power of two of at least 2 n slots, each 0 or a row + 1, in the first free slot from the XXH3 of
// the id on. Memory: 16 to 24 bytes an item and its id.
//
// Immutable, safe from many threads, cheap to copy; keeps alive what it looks at. Whatever bytes
// the sections hold, no look-up leaves them or runs longer than the table: damage that Open does
// not see makes an id that is not found, or kDataLoss from Id and Verify.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tandem/base/status.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

class IdMap {
 public:
  static constexpr size_t kMaxIdBytes = 1024;

  // Row numbers as ids; 0 <= n < 2^31.
  static IdMap Identity(int64_t n);
  // ids[i] names row i; copied. kInvalidArgument: an id of more than kMaxIdBytes (named by its
  // row), one that occurs twice (with both rows), 2^31 or more of them.
  static Result<IdMap> Build(std::span<const std::string_view> ids);
  // The map of an index of n rows; the identity where the file has no sections of ids. Looks at
  // sizes only, whatever n is.
  static Result<IdMap> Open(std::shared_ptr<const SnapshotFile> file, int64_t n);

  // Nothing for the identity.
  Status Write(SnapshotWriter& writer) const;

  int64_t size() const { return n_; }
  bool is_identity() const { return table_.empty(); }
  // -1 where no row has this id.
  int32_t Find(std::string_view id) const;
  // kInvalidArgument for a row outside of 0..n-1.
  Result<std::string> Id(int32_t row) const;
  // Looks every id up: kDataLoss for the first that is not found at its row.
  Status Verify() const;

 private:
  IdMap() = default;
  // False where the sections do not hold an id for the row.
  bool Get(size_t row, std::string_view& id) const;
  size_t FirstSlot(std::string_view id) const;

  int64_t n_ = 0;
  std::string path_;                   // of the file, for messages
  std::shared_ptr<const void> owner_;  // of what the spans show
  std::span<const uint64_t> offsets_;  // [n + 1]
  std::span<const char> bytes_;
  std::span<const uint32_t> table_;  // empty: the identity
};

}  // namespace tandem::index
