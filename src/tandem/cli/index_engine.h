// The engine of an index, from the flags of the verbs that build one.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/index/engine_choice.h"

namespace tandem::cli {

// To be asked before any work: kInvalidArgument for names that are not known, and for a flag that
// the engine has no use for.
Status CheckEngine(const IndexEngineOptions& options);

// Over vectors [n, d], which must outlive it, with the sample queries, which are read. Errors as
// from CheckEngine, ReadVectors and the engine.
Result<index::EngineChoice> BuildEngine(const Env& env, const IndexEngineOptions& options,
                                        index::Metric metric, std::span<const float> vectors,
                                        int64_t d);

// Which engine "auto" took, and the recall of an approximate one: a line each.
void PrintEngine(const index::EngineChoice& engine, std::ostream& out);

}  // namespace tandem::cli
