// Writes Annoy files (.ann) that Annoy's released package reads, and repairs broken ones.
//
// Trees are built as Annoy builds them: a split is the plane between two means, found by 200 steps
// over random items. Those of dot are right, unlike Annoy's own up to 1.17.3: items are put on one
// sphere by a coordinate sqrt(M^2 - |v|^2) (Bachrach et al. 2014) and split there; the coordinate
// of a plane, which the released reader would add in squared where the query's is 0, is left out of
// the file. So an unmodified reader finds what Annoy's main branch finds. The layout of dot is the
// released one.
//
// The same items and options give the same bytes with any number of threads. Memory: the file, the
// trees once more, and a copy of the vectors.
// Errors: kInvalidArgument: a metric that is not written (hamming), no items, a dimension or number
// of trees out of range, rows that are not n * d finite numbers, ids that do not ascend from 0 on;
// kResourceExhausted: more nodes than Annoy can number; what the Env gives.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/parallel.h"
#include "tandem/base/status.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

// Every field changes the file.
struct BuildOptions {
  AnnoyMetric metric = AnnoyMetric::kDot;
  int64_t trees = 10;  // 1 to kMaxTrees
  uint64_t seed = 42;
};

inline constexpr int64_t kMaxTrees = 10'000;

// rows [n, d], ids [n] ascending, holes allowed, or empty: 0..n-1. workers: not owned, null for
// one thread.
Result<std::string> BuildAnnoyFile(std::span<const float> rows, int64_t dimension,
                                   std::span<const int32_t> ids, const BuildOptions& options,
                                   Workers* workers = nullptr);

// The items of a `dot` file in new trees, as many as it has, in the released layout.
// kInvalidArgument: a file of another metric; their trees are right.
Result<std::string> RepairDotFile(const AnnoyFile& broken, uint64_t seed = 42,
                                  Workers* workers = nullptr);
// Reads, repairs and writes, by WriteFileAtomically. The dimension is found out; 0 or told.
Status RepairDotFile(Env& env, const std::string& from, const std::string& to,
                     int64_t dimension = 0, uint64_t seed = 42, Workers* workers = nullptr);

}  // namespace tandem::index::annoy
