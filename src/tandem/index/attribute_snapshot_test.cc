#include "tandem/index/attribute_snapshot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/attribute_text.h"
#include "tandem/index/filter.h"
#include "tandem/index/testing/seal.h"

namespace tandem::index {
namespace {

// 100 rows; "a" is in half of them and kept as bits, "b c" in a tenth and kept as a list.
AttributeTable Table() {
  std::string text = "tag,size:number\n";
  for (int row = 0; row < 100; ++row) {
    text += row % 2 == 0 ? "a|" : "";
    text += row % 10 == 1 ? "b c" : "";
    text += row % 4 == 0 ? StrCat(",", row, "\n") : ",\n";
  }
  return ReadAttributes(text, 100).value();
}

std::string Bytes(const AttributeTable& table) {
  MemoryEnv env;
  auto writer = SnapshotWriter::Create(env, "i").value();
  EXPECT_TRUE(WriteAttributes(table, *writer).ok());
  EXPECT_TRUE(writer->Finish().ok());
  return env.ReadFile("i").value();
}

Result<AttributeTable> Open(const std::string& bytes, int64_t n) {
  MemoryEnv env;
  TANDEM_RETURN_IF_ERROR(env.WriteFile("i", bytes));
  TANDEM_ASSIGN_OR_RETURN(const auto file, SnapshotFile::Open(env, "i"));
  return OpenAttributes(file, n);
}

TEST(AttributeSnapshot, IsReadBackAsItWas) {
  const AttributeTable table = Table();
  const auto again = Open(Bytes(table), 100);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->columns().size(), 2U);
  EXPECT_EQ(again->columns()[0].name, "tag");
  EXPECT_EQ(again->columns()[1].name, "size");
  for (const char* filter : {"tag = a", "tag = 'b c'", "tag IS MISSING", "size >= 50",
                             "size IS MISSING", "tag != a AND NOT size < 7"}) {
    const Bitmap want = EvaluateFilter(filter, table).value();
    const auto got = EvaluateFilter(filter, *again);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, want) << filter;
  }
  EXPECT_EQ(EvaluateFilter("tag = a", *again)->Count(), 50U);
}

TEST(AttributeSnapshot, OfATableWithoutColumnsIsNothing) {
  const std::string bytes = Bytes(AttributeTable(7));
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("i", bytes).ok());
  EXPECT_TRUE(SnapshotFile::Open(env, "i").value()->sections().empty());
  const auto again = Open(bytes, 7);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->columns().empty());
  EXPECT_EQ(again->size(), 7);
}

TEST(AttributeSnapshot, OfAnotherNumberOfRowsIsRefusedWithTheColumn) {
  const Status status = Open(Bytes(Table()), 99).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("\"tag\""), std::string::npos) << status;
}

TEST(AttributeSnapshot, CutAtEveryByteIsRefused) {
  const std::string good = Bytes(Table());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Open(good.substr(0, size), 100).ok()) << size;
  }
}

// Checksums as if the damage had been written: what opens must still be a table whose rows are
// those of the index.
TEST(AttributeSnapshot, WithAnyByteChangedIsRefusedOrStaysWithinItsRows) {
  Rng rng(47);
  const std::string good = Bytes(Table());
  int refused = 0;
  for (size_t at = 64; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.UniformInt(8)));
    const auto table = Open(testing::Seal(bytes), 100);
    refused += table.ok() ? 0 : 1;
    if (!table.ok()) continue;
    for (const AttributeColumn& column : table->columns()) {
      if (column.kind != AttributeKind::kCategory) continue;
      for (int32_t i = 0; i <= column.categories.size(); ++i) {
        Bitmap rows(100);
        column.categories.AddRows(i, rows);
        EXPECT_EQ(static_cast<int64_t>(rows.Count()), column.categories.Count(i)) << at;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace tandem::index
