// Bytes as a text of attributes and, with matching checksums, as a snapshot of them. What a text
// gives is written and read back; every value of what opens is looked up.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "tandem/base/memory_env.h"
#include "tandem/index/attribute_snapshot.h"
#include "tandem/index/attribute_text.h"
#include "tandem/index/testing/seal.h"

namespace {

using tandem::index::AttributeTable;

constexpr int64_t kRows = 70;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void LookUp(const AttributeTable& table) {
  for (const auto& column : table.columns()) {
    if (column.kind == tandem::index::AttributeKind::kNumber) continue;
    for (int32_t i = 0; i <= column.categories.size(); ++i) {
      tandem::index::Bitmap rows(kRows);
      column.categories.AddRows(i, rows);
      Require(static_cast<int64_t>(rows.Count()) == column.categories.Count(i));
      Require((rows.words()[1] >> (kRows - 64)) == 0);
      if (i == column.categories.size()) continue;
      Require(column.categories.Find(column.categories.Value(i)) == i);
    }
  }
}

tandem::Result<AttributeTable> Open(const tandem::MemoryEnv& env) {
  TANDEM_ASSIGN_OR_RETURN(const auto file, tandem::index::SnapshotFile::Open(env, "i"));
  return tandem::index::OpenAttributes(file, kRows);
}

void ReadText(const std::string& text) {
  tandem::index::AttributeTextOptions options;
  options.skip_unknown_ids = true;
  const auto table = tandem::index::ReadAttributes(text, kRows, options);
  if (!table.ok()) return;
  LookUp(*table);
  tandem::MemoryEnv env;
  auto writer = tandem::index::SnapshotWriter::Create(env, "i").value();
  Require(tandem::index::WriteAttributes(*table, *writer).ok() && writer->Finish().ok());
  const auto again = Open(env);
  Require(again.ok() && again->columns().size() == table->columns().size());
  LookUp(*again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(data, data + size);
  ReadText(bytes);
  tandem::MemoryEnv env;
  Require(env.WriteFile("i", tandem::index::testing::Seal(bytes)).ok());
  const auto table = Open(env);
  if (table.ok()) LookUp(*table);
  return 0;
}
