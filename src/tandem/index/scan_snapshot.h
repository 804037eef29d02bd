// ScanData as sections of an index's file, used where they are mapped.
#pragma once

#include "tandem/index/scan_data.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

Status WriteScanData(const ScanData& data, SnapshotWriter& writer);

// Views of the file, which is kept open. kDataLoss, with section and number, for shapes that do
// not fit together and for numbers that no search could use. The places and rows of large files
// may be anything (snapshot_file.h): a search stays inside of memory whatever they are.
Result<ScanData> ReadScanData(std::shared_ptr<const SnapshotFile> file);

}  // namespace tandem::index
