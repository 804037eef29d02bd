// Reads bundles from disk.
//
// A base path holds numeric version directories; a version directory holds one bundle. Every
// byte is covered by a checksum, every count is bounded by the bytes that are there and every
// id is checked before it is used; numbers beyond 1e17 are refused, so that scores are finite.
// Errors: kNotFound (no such path, no version), kDataLoss with file and field for anything odd,
// kFailedPrecondition for a schema version of the future.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/bundle/bundle.h"

namespace tandem::bundle {

// The numeric version directories of a base path, ascending; empty where there is none.
Result<std::vector<int64_t>> ListVersions(const Env& env, const std::string& base_path);

// One version's directory. Golden samples are read but not replayed (see golden.h).
Result<std::shared_ptr<const Bundle>> ReadVersion(const Env& env, const std::string& directory);

// As ReadVersion, and its golden samples replayed: what a server may serve.
Result<std::shared_ptr<const Bundle>> OpenVersion(const Env& env, const std::string& directory);

// A version's directory, or a base path: then its newest version that reads and replays well;
// versions that do not are logged. kNotFound or the newest version's error where none does.
Result<std::shared_ptr<const Bundle>> Open(const Env& env, const std::string& path);

}  // namespace tandem::bundle
