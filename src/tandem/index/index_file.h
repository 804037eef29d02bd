// An index with all that belongs to it in one file: vectors as their engine keeps them, the ids of
// the rows, and attributes for filters.
//
// Sections: "engine", the name of the engine; those of the engine, of IdMap and of the attributes.
// Opening maps the file and checks what engine, ids and attributes need to stay inside of it:
// milliseconds where the file is in memory. Values; a part may be kept when the others are gone.
#pragma once

#include <memory>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/index/attributes.h"
#include "tandem/index/engine_choice.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/id_map.h"
#include "tandem/index/item_index.h"
#include "tandem/index/ivf_index.h"
#include "tandem/index/metric.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

struct IndexFile {
  std::shared_ptr<const SnapshotFile> file;
  std::string engine;  // "exact" or "ivf"
  Metric metric = Metric::kDot;
  std::shared_ptr<const ItemIndex> index;
  // The same index, by its engine; else null.
  std::shared_ptr<const ExactIndex> exact = nullptr;
  std::shared_ptr<const IvfIndex> ivf = nullptr;
  IdMap ids;
  AttributeTable attributes;
};

// As SnapshotFile::Open; kFailedPrecondition for an engine that this program does not know.
Result<IndexFile> OpenIndexFile(const Env& env, const std::string& path);

// Writes beside the path and renames: on an error what was there is as it was.
// kInvalidArgument: ids or attributes of another number of rows than the index.
Status WriteIndexFile(Env& env, const std::string& path, const ExactIndex& index, const IdMap& ids,
                      const AttributeTable& attributes);
Status WriteIndexFile(Env& env, const std::string& path, const IvfIndex& index, const IdMap& ids,
                      const AttributeTable& attributes);
Status WriteIndexFile(Env& env, const std::string& path, const EngineChoice& engine,
                      const IdMap& ids, const AttributeTable& attributes);

}  // namespace tandem::index
