// An InnerSpace in the file of an index: the section "l2.space" of kL2, nothing else of others.
#pragma once

#include <cstddef>

#include "tandem/base/status.h"
#include "tandem/index/inner_space.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

Status WriteInnerSpace(const InnerSpace& space, SnapshotWriter& writer);
// The centre is in the file. kDataLoss where there is none, or one that is no space.
Result<InnerSpace> ReadInnerSpace(const SnapshotFile& file, Metric metric, size_t dimension);

}  // namespace tandem::index
