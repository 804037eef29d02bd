#include "tandem/index/id_map.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <vector>

namespace tandem::index {
namespace {

constexpr std::string_view kOffsets = "ids.offsets";
constexpr std::string_view kBytes = "ids.bytes";
constexpr std::string_view kTable = "ids.table";
constexpr int64_t kMaxRows = std::numeric_limits<int32_t>::max();

struct Storage {
  std::vector<uint64_t> offsets;
  std::string bytes;
  std::vector<uint32_t> table;
};

// An id in a message: printable, and not a kilobyte of it.
std::string Shown(std::string_view id) {
  constexpr size_t kShown = 64;
  std::string text(id.substr(0, kShown));
  for (char& letter : text) {
    if (letter >= 0 && letter < ' ') letter = '.';
  }
  return id.size() > kShown ? text + "..." : text;
}

}  // namespace

IdMap IdMap::Identity(int64_t n) {
  IdMap map;
  map.n_ = n;
  return map;
}

Result<IdMap> IdMap::Build(std::span<const std::string_view> ids) {
  if (ids.size() >= static_cast<size_t>(kMaxRows)) {
    return InvalidArgumentError("ids: ", ids.size(), " of them, at most ", kMaxRows - 1);
  }
  const auto storage = std::make_shared<Storage>();
  storage->offsets.reserve(ids.size() + 1);
  storage->offsets.push_back(0);
  storage->table.resize(std::bit_ceil(std::max<size_t>(2 * ids.size(), 1)));
  size_t total = 0;
  for (const std::string_view id : ids) total += id.size();
  storage->bytes.reserve(total);

  IdMap map;
  map.n_ = static_cast<int64_t>(ids.size());
  map.table_ = storage->table;
  const size_t mask = storage->table.size() - 1;
  for (size_t row = 0; row < ids.size(); ++row) {
    const std::string_view id = ids[row];
    if (id.size() > kMaxIdBytes) {
      return InvalidArgumentError("ids: row ", row, ": '", Shown(id), "' has ", id.size(),
                                  " bytes, at most ", kMaxIdBytes);
    }
    size_t slot = map.FirstSlot(id);
    for (; storage->table[slot] != 0; slot = (slot + 1) & mask) {
      const size_t other = storage->table[slot] - 1;
      if (ids[other] == id) {
        return InvalidArgumentError("ids: '", Shown(id), "' occurs twice, in rows ", other, " and ",
                                    row);
      }
    }
    storage->table[slot] = static_cast<uint32_t>(row + 1);
    storage->bytes += id;
    storage->offsets.push_back(storage->bytes.size());
  }
  map.offsets_ = storage->offsets;
  map.bytes_ = storage->bytes;
  map.path_ = "ids";
  map.owner_ = storage;
  return map;
}

Result<IdMap> IdMap::Open(std::shared_ptr<const SnapshotFile> file, int64_t n) {
  if (n < 0 || n >= kMaxRows) {
    return DataLossError(file->path(), ": ", n, " rows, at most ", kMaxRows - 1);
  }
  if (!file->Has(kOffsets) && !file->Has(kBytes) && !file->Has(kTable)) return Identity(n);
  const auto rows = static_cast<uint64_t>(n);
  IdMap map;
  map.n_ = n;
  map.path_ = file->path();
  TANDEM_ASSIGN_OR_RETURN(map.offsets_, file->Section<uint64_t>(kOffsets, rows + 1));
  TANDEM_ASSIGN_OR_RETURN(map.bytes_, file->Section<char>(kBytes));
  TANDEM_ASSIGN_OR_RETURN(map.table_, file->Section<uint32_t>(kTable));
  if (map.offsets_.front() != 0 || map.offsets_.back() != map.bytes_.size()) {
    return file->Damaged(kOffsets, "expected 0 to ", map.bytes_.size(), ", got ",
                         map.offsets_.front(), " to ", map.offsets_.back());
  }
  if (!std::has_single_bit(map.table_.size()) || map.table_.size() < 2 * rows) {
    return file->Damaged(kTable, "expected a power of two of at least ", 2 * rows, " slots, got ",
                         map.table_.size());
  }
  map.owner_ = std::move(file);
  return map;
}

Status IdMap::Write(SnapshotWriter& writer) const {
  if (is_identity()) return {};
  TANDEM_RETURN_IF_ERROR(writer.Add(kOffsets, offsets_));
  TANDEM_RETURN_IF_ERROR(writer.Add(kBytes, bytes_));
  return writer.Add(kTable, table_);
}

size_t IdMap::FirstSlot(std::string_view id) const {
  return static_cast<size_t>(Checksum(id)) & (table_.size() - 1);
}

bool IdMap::Get(size_t row, std::string_view& id) const {
  if (row >= static_cast<size_t>(n_)) return false;
  const uint64_t begin = offsets_[row];
  const uint64_t end = offsets_[row + 1];
  if (begin > end || end > bytes_.size() || end - begin > kMaxIdBytes) return false;
  id = std::string_view(bytes_.data(), bytes_.size())
           .substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  return true;
}

int32_t IdMap::Find(std::string_view id) const {
  if (is_identity()) {
    // As Id writes it: no sign, no leading zeros.
    int32_t row = -1;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), row);
    const bool number = error == std::errc() && end == id.data() + id.size();
    const bool plain = number && id.front() != '-' && (id.front() != '0' || id.size() == 1);
    return plain && row < n_ ? row : -1;
  }
  if (id.size() > kMaxIdBytes) return -1;
  const size_t mask = table_.size() - 1;
  size_t slot = FirstSlot(id);
  // A good table has empty slots; a damaged one ends after one round.
  for (size_t probes = 0; probes <= mask && table_[slot] != 0; ++probes, slot = (slot + 1) & mask) {
    std::string_view found;
    const size_t row = table_[slot] - 1;
    if (Get(row, found) && found == id) return static_cast<int32_t>(row);
  }
  return -1;
}

Result<std::string> IdMap::Id(int32_t row) const {
  if (row < 0 || row >= n_) {
    return InvalidArgumentError("row ", row, " of ", n_, " rows has no id");
  }
  if (is_identity()) return std::to_string(row);
  std::string_view id;
  if (!Get(static_cast<size_t>(row), id)) {
    return DataLossError(path_, ": section '", kOffsets, "': row ", row, " has no id in ",
                         bytes_.size(), " bytes; build the index again");
  }
  return std::string(id);
}

Status IdMap::Verify() const {
  if (is_identity()) return {};
  for (int32_t row = 0; row < n_; ++row) {
    TANDEM_ASSIGN_OR_RETURN(const std::string id, Id(row));
    const int32_t found = Find(id);
    if (found != row) {
      return DataLossError(path_, ": section '", kTable, "': id '", Shown(id), "': expected row ",
                           row, ", got ", found, "; build the index again");
    }
  }
  return {};
}

}  // namespace tandem::index
