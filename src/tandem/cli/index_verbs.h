// The verbs of `tandem index`: a vector index as a tool of its own. Each takes its parsed options
// and answers a Status, as those of verbs.h do.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"

namespace tandem::cli {

// What is built to search the vectors. A flag that the engine has no use for is refused.
struct IndexEngineOptions {
  std::string engine = "exact";  // "ivf": approximate, for large catalogues; "auto": the cheaper
  std::string rows = "float";    // how rows are kept: "float", or "int8" at a third of the memory
  std::optional<double> target_recall;  // of an approximate engine
  std::string sample_queries;           // for one, as the vectors; empty: the vectors
  std::optional<int> threads;           // for one; 0 and none: all that this process may use
};

struct IndexBuildOptions {
  std::string vectors;    // .npy, .safetensors, raw float32, or a bundle
  std::string out;        // the index
  int64_t dimension = 0;  // of raw vectors; of others, what is expected. 0: not told
  std::string tensor;     // its name in a .safetensors file; empty: the only one that fits
  std::string metric = "dot";
  IndexEngineOptions engine;
  std::string ids;         // a line for each vector; empty: row numbers are the ids
  std::string attributes;  // a table with a line for each vector, or with a column "id"
};
Status IndexBuild(Env& env, const IndexBuildOptions& options, std::ostream& out);
// CheckUsage: what is wrong with options whatever the vectors are. The verbs ask for it, too.
Status CheckUsage(const Env& env, const IndexBuildOptions& options);

// An index that is changed is built anew, with the engine and the options that it has.
struct IndexRebuildOptions {
  std::string out;             // empty: in its place
  std::string sample_queries;  // for an approximate engine, as in IndexEngineOptions
  std::optional<int> threads;
};

struct IndexAddOptions {
  std::string index;
  std::string vectors;  // as those of a build
  std::string tensor;
  std::string ids;         // where the index has it, its vector is replaced
  std::string attributes;  // with any of the columns of the index
  IndexRebuildOptions rebuild;
};
Status IndexAdd(Env& env, const IndexAddOptions& options, std::ostream& out);

struct IndexRemoveOptions {
  std::string index;
  std::string ids;  // a line each
  IndexRebuildOptions rebuild;
};
Status IndexRemove(Env& env, const IndexRemoveOptions& options, std::ostream& out);

// Which items a search may find.
struct IndexRestriction {
  std::string exclude;  // a file: a line of ids for each query
  std::string filter;   // an expression over the attributes
};

struct IndexSearchOptions {
  std::string index;
  std::string queries;  // as the vectors of a build
  std::string tensor;
  int64_t k = 10;
  IndexRestriction restriction;
  std::string out;     // .npy of row numbers, or lines of ids; empty: lines on the terminal
  std::string scores;  // .npy
  int threads = 0;     // 0: all that this process may use
};
Status IndexSearch(Env& env, const IndexSearchOptions& options, std::ostream& out);
Status CheckUsage(const Env& env, const IndexSearchOptions& options);

struct IndexInfoOptions {
  std::string index;
  bool verify = false;  // read every byte
  bool json = false;
};
Status IndexInfo(Env& env, const IndexInfoOptions& options, std::ostream& out);

struct IndexBenchOptions {
  std::string index;
  std::string queries;
  std::string tensor;
  int64_t k = 10;
  IndexRestriction restriction;
  double seconds = 2;  // of CPU time, at least, for all passes of a kind
  bool json = false;
};
Status IndexBench(Env& env, const IndexBenchOptions& options, std::ostream& out);

struct IndexGetOptions {
  std::string index;
  std::string id;
  bool json = false;
};
// The vector of an item, its numbers on one line, and a line for each attribute: its name, a tab,
// and its value or values with '|' between them.
Status IndexGet(Env& env, const IndexGetOptions& options, std::ostream& out);

struct IndexNeighborsOptions {
  std::string index;
  std::string id;
  int64_t k = 10;
  std::string filter;
};
// The items nearest to an item, itself left out: id<TAB>score lines.
Status IndexNeighbors(Env& env, const IndexNeighborsOptions& options, std::ostream& out);

// Files of Annoy, read by its released package (index/annoy).
struct IndexExportAnnoyOptions {
  std::string index;  // or a bundle; dot, cosine and l2 become Annoy's dot, angular and euclidean
  std::string out;
  std::string ids_out;  // a line for each of Annoy's numbers, its id; empty: not written
  int64_t trees = 10;
  uint64_t seed = 42;
  int threads = 0;  // 0: all that this process may use; the file is the same with any
};
Status IndexExportAnnoy(Env& env, const IndexExportAnnoyOptions& options, std::ostream& out);
Status CheckUsage(const Env& env, const IndexExportAnnoyOptions& options);

struct IndexImportAnnoyOptions {
  std::string annoy;
  std::string out;
  int64_t dimension = 0;  // 0: found out
  std::string metric;     // Annoy's name of it; empty: found out
  IndexEngineOptions engine;
};
Status IndexImportAnnoy(Env& env, const IndexImportAnnoyOptions& options, std::ostream& out);
Status CheckUsage(const Env& env, const IndexImportAnnoyOptions& options);

struct IndexRepairAnnoyOptions {
  std::string in;  // of dot
  std::string out;
  int64_t dimension = 0;  // 0: found out
  uint64_t seed = 42;
  int threads = 0;
};
Status IndexRepairAnnoy(Env& env, const IndexRepairAnnoyOptions& options, std::ostream& out);

}  // namespace tandem::cli
