// From a TOML file and --set key=value pairs to a TrainingConfig.
//
// Keys are "section.name" ("optimizer.learning_rate"; "seed" has no section). Relative paths in
// the file are relative to the file; those of --set are relative to the working directory.
// kInvalidArgument names the file, the line, the key, the value and the choices; an unknown key
// comes with the nearest known one. kResourceExhausted for a file of more than 16 KiB.
#pragma once

#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/training/config.h"

namespace tandem::cli {

// `settings` are applied after the file, in order. A headerless .tsv set as data.train or
// data.test brings the layout tsv and, unless set too, drops data.items.
Result<training::TrainingConfig> ReadTrainingConfig(const Env& env, const std::string& path,
                                                    const std::vector<std::string>& settings);

}  // namespace tandem::cli
