// A table of attributes in the snapshot of an index, and back as views of the mapped file.
//
// Sections, for c columns: "attributes.kinds" u8 [c], an AttributeKind each; "attributes.names",
// the bytes of all names, with "attributes.name_starts" u32 [c + 1]. For column i of numbers
// "attribute.<i>.numbers" f64 [n]; of categories "attribute.<i>.text" bytes, ".text_starts" u32,
// ".starts" u64 and ".postings" u32, the arrays of CategoryArrays (attributes.h).
//
// Pure but for the file. Opening looks at every array of categories once, at no number.
#pragma once

#include <cstdint>
#include <memory>

#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

// Nothing for a table without columns. Errors are those of the writer.
Status WriteAttributes(const AttributeTable& table, SnapshotWriter& writer);

// The table of an index of n rows; without columns where the file has no such sections. Keeps the
// file alive. kDataLoss, with the column, for sections that are missing or not as above.
Result<AttributeTable> OpenAttributes(const std::shared_ptr<const SnapshotFile>& file, int64_t n);

}  // namespace tandem::index
