// Writes a bundle as the next version of a base path: into N.tmp, every file synced, then one
// rename. A crash or a full disk at any point leaves the older versions as they were; leftovers
// of an earlier crash (N.tmp) are removed by the next write.
#pragma once

#include <string>

#include "tandem/base/env.h"
#include "tandem/bundle/bundle.h"

namespace tandem::bundle {

// The version that was written: one more than the newest there, 1 for the first. The bundle's
// own version and fingerprint are not read. Golden samples are written as they are.
Result<int64_t> WriteNextVersion(Env& env, const std::string& base_path, const Bundle& bundle);

// Removes all versions but the newest `keep` >= 1, and what crashes have left of older ones
// (N.tmp). A version goes by a rename to N.tmp first: a reader finds the whole of it or nothing.
// Nothing is removed where the newest one cannot be opened, whose error it is. How many were
// removed.
Result<int64_t> RemoveOldVersions(Env& env, const std::string& base_path, int64_t keep);

// Whether a bundle could be written there now, to be asked before a long training. Makes and
// removes a file of no bytes in the base path, or where that does not exist yet, in the nearest
// directory above it that does; nothing is left behind.
Status CheckWritable(Env& env, const std::string& base_path);

}  // namespace tandem::bundle
