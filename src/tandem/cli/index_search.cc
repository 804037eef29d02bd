#include <algorithm>

#include "tandem/base/parallel.h"
#include "tandem/cli/index_input.h"
#include "tandem/cli/index_verbs.h"
#include "tandem/format/npy.h"

namespace tandem::cli {
namespace {

constexpr size_t kBatch = 64;  // queries a call

struct Found {
  size_t k = 0;
  std::vector<int32_t> rows;  // [q, k]
  std::vector<float> scores;  // [q, k]
};

// Batches go to all threads; an answer does not depend on how many there are.
Result<Found> SearchAll(const index::IndexFile& index, const Vectors& queries,
                        const Restriction& restriction, int64_t k, int threads) {
  const auto q = static_cast<size_t>(queries.n);
  const auto d = static_cast<size_t>(queries.d);
  Found found;
  found.k = static_cast<size_t>(k);
  found.rows.resize(q * found.k);
  found.scores.resize(q * found.k);
  std::vector<Status> failed((q + kBatch - 1) / kBatch);
  Workers workers(threads > 0 ? static_cast<size_t>(threads) : AvailableProcessors());
  workers.Run(failed.size(), [&](size_t batch) {
    const size_t begin = batch * kBatch;
    const size_t count = std::min(kBatch, q - begin);
    failed[batch] =
        index.index->Search(std::span(queries.values).subspan(begin * d, count * d),
                            restriction.Options(k, begin, count),
                            std::span(found.rows).subspan(begin * found.k, count * found.k),
                            std::span(found.scores).subspan(begin * found.k, count * found.k));
  });
  for (const Status& status : failed) TANDEM_RETURN_IF_ERROR(status);
  return found;
}

// A line for each query: the ids of its items, best first, tabs between.
Result<std::string> IdLines(const index::IndexFile& index, const Found& found) {
  std::string lines;
  for (size_t i = 0; i < found.rows.size(); ++i) {
    const bool first = i % found.k == 0;
    if (found.rows[i] >= 0) {
      TANDEM_ASSIGN_OR_RETURN(const std::string id, index.ids.Id(found.rows[i]));
      if (!first) lines += '\t';
      lines += id;
    }
    if (i % found.k == found.k - 1) lines += '\n';
  }
  return lines;
}

bool IsNpy(const std::string& path) {
  return path.size() > 4 && path.substr(path.size() - 4) == ".npy";
}

Result<std::string> RowBytes(const Found& found, int64_t queries) {
  const std::vector<int64_t> rows(found.rows.begin(), found.rows.end());
  return format::WriteNpy(std::vector<int64_t>{queries, static_cast<int64_t>(found.k)}, rows);
}

}  // namespace

Status CheckUsage(const Env& env, const IndexSearchOptions& options) {
  return CheckDifferent(env, {"--out", options.out}, {"--scores", options.scores});
}

Status IndexSearch(Env& env, const IndexSearchOptions& options, std::ostream& out) {
  TANDEM_RETURN_IF_ERROR(CheckUsage(env, options));
  for (const std::string* path : {&options.out, &options.scores}) {
    if (!path->empty()) TANDEM_RETURN_IF_ERROR(CheckDestination(env, *path));
  }
  TANDEM_ASSIGN_OR_RETURN(const index::IndexFile index, index::OpenIndexFile(env, options.index));
  TANDEM_ASSIGN_OR_RETURN(const Vectors queries,
                          ReadQueries(env, options.queries, options.tensor, index));
  TANDEM_ASSIGN_OR_RETURN(const Restriction restriction,
                          Restriction::Read(env, options.restriction, index, queries.n));
  TANDEM_ASSIGN_OR_RETURN(const Found found,
                          SearchAll(index, queries, restriction, options.k, options.threads));
  if (!options.scores.empty()) {
    TANDEM_ASSIGN_OR_RETURN(
        const std::string bytes,
        format::WriteNpy(std::vector<int64_t>{queries.n, options.k}, found.scores));
    TANDEM_RETURN_IF_ERROR(WriteFileAtomically(env, options.scores, bytes));
  }
  TANDEM_ASSIGN_OR_RETURN(const std::string bytes,
                          IsNpy(options.out) ? RowBytes(found, queries.n) : IdLines(index, found));
  if (!options.out.empty()) return WriteFileAtomically(env, options.out, bytes);
  out << bytes;
  return {};
}

}  // namespace tandem::cli
