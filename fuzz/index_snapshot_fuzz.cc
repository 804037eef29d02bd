// Bytes as the snapshot of an index, once as they are and once with matching checksums: opened,
// verified, every section read, and the map of ids asked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tandem/base/memory_env.h"
#include "tandem/index/id_map.h"
#include "tandem/index/snapshot_file.h"
#include "tandem/index/testing/seal.h"

namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void ReadIds(const std::shared_ptr<const tandem::index::SnapshotFile>& file) {
  const auto offsets = file->Section<uint64_t>("ids.offsets");
  const int64_t n = offsets.ok() ? static_cast<int64_t>(offsets->size()) - 1 : 3;
  const auto map = tandem::index::IdMap::Open(file, n);
  if (!map.ok()) return;
  const bool verified = map->Verify().ok();
  for (int32_t row = 0; row < n; ++row) {
    const auto id = map->Id(row);
    const int32_t found = id.ok() ? map->Find(*id) : -1;
    Require(found >= -1 && found < n);
    Require(!verified || found == row);
  }
}

void Read(const std::string& bytes) {
  tandem::MemoryEnv env;
  Require(env.WriteFile("i", bytes).ok());
  const auto opened = tandem::index::SnapshotFile::Open(env, "i");
  if (!opened.ok()) return;
  Require((*opened)->Verify().ok());
  uint64_t sum = 0;
  for (const tandem::index::SnapshotSection& section : (*opened)->sections()) {
    const auto values = (*opened)->Section<unsigned char>(section.name);
    Require(values.ok() && values->size() == section.bytes);
    for (const unsigned char value : *values) sum += value;
  }
  Require(sum <= 255 * bytes.size());
  ReadIds(*opened);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(data, data + size);
  Read(bytes);
  Read(tandem::index::testing::Seal(bytes));
  return 0;
}
