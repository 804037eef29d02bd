#include "tandem/index/live_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "tandem/index/filter.h"
#include "tandem/index/live_base.h"
#include "tandem/index/live_core.h"
#include "tandem/index/live_state.h"

namespace tandem::index {
namespace {

constexpr int64_t kMaxOrdinals = std::numeric_limits<int32_t>::max();
constexpr int64_t kFirstRoom = 1024;  // rows

Status CheckId(std::string_view id) {
  if (id.empty() || id.size() > kMaxItemIdBytes) {
    return InvalidArgumentError("an item id of ", id.size(), " bytes; expected 1 to ",
                                kMaxItemIdBytes);
  }
  return {};
}

Status CheckVector(std::string_view what, std::span<const float> vector, size_t dimension) {
  if (vector.size() != dimension) {
    return InvalidArgumentError(what, " has ", vector.size(), " numbers; the index has ", dimension,
                                " dimensions");
  }
  for (const float x : vector) {
    if (!std::isfinite(x)) return InvalidArgumentError(what, " has a number that is not finite");
  }
  return {};
}

Status NoSuchItem(std::string_view id) {
  return NotFoundError("no item '", id.substr(0, kMaxItemIdBytes), "' in the index");
}

Status CheckOptions(const LiveOptions& options) {
  if (options.merge_at >= 0) return {};
  return InvalidArgumentError("merge_at is ", options.merge_at,
                              "; expected a number of changes, or 0 for a choice by size");
}

std::unique_ptr<LiveState> FirstState(std::shared_ptr<const LiveBase> base, size_t dimension,
                                      Metric metric) {
  auto state = std::make_unique<LiveState>();
  state->metric = metric;
  state->dimension = dimension;
  state->size = base->size();
  state->base = std::move(base);
  state->log = std::make_shared<DeltaLog>(dimension, 0, kFirstRoom);
  return state;
}

// As items are kept and queries asked: vectors [.., d].
std::vector<float> AsSearched(Metric metric, std::span<const float> vectors, size_t d) {
  std::vector<float> searched(vectors.begin(), vectors.end());
  if (metric == Metric::kCosine) {
    for (size_t i = 0; i < searched.size(); i += d) ToUnitLength(std::span(searched).subspan(i, d));
  }
  return searched;
}

Ordinals ToOrdinals(const LiveState& state, std::span<const std::string> ids) {
  Ordinals ordinals;
  ordinals.reserve(ids.size());
  for (const std::string& id : ids) {
    const int32_t ordinal = state.Find(id);
    if (ordinal >= 0) ordinals.push_back(ordinal);
  }
  std::sort(ordinals.begin(), ordinals.end());
  ordinals.erase(std::unique(ordinals.begin(), ordinals.end()), ordinals.end());
  return ordinals;
}

}  // namespace

LiveIndex::LiveIndex(std::unique_ptr<Core> core) : core_(std::move(core)) {}
LiveIndex::~LiveIndex() = default;

Result<std::unique_ptr<LiveIndex>> LiveIndex::Create(int64_t dimension, LiveOptions options) {
  if (dimension < 1 || dimension > kMaxDimension) {
    return InvalidArgumentError("a live index of ", dimension, " dimensions; expected 1 to ",
                                kMaxDimension);
  }
  TANDEM_RETURN_IF_ERROR(CheckOptions(options));
  const auto d = static_cast<size_t>(dimension);
  AttributeTable attributes(0);
  TANDEM_RETURN_IF_ERROR(AddMissingColumns(options.attributes, attributes));
  TANDEM_ASSIGN_OR_RETURN(
      auto base, LiveBase::Create({}, {}, d, std::move(attributes), options.metric, nullptr));
  auto state = FirstState(std::move(base), d, options.metric);
  return std::unique_ptr<LiveIndex>(
      new LiveIndex(std::make_unique<Core>(std::move(state), std::move(options))));
}

Result<std::unique_ptr<LiveIndex>> LiveIndex::Open(const Env& env, const std::string& path,
                                                   LiveOptions options) {
  TANDEM_RETURN_IF_ERROR(CheckOptions(options));
  TANDEM_ASSIGN_OR_RETURN(const IndexFile file, OpenIndexFile(env, path));
  TANDEM_ASSIGN_OR_RETURN(auto base, LiveBase::Open(file, options.attributes));
  options.metric = file.metric;
  if (options.build == nullptr) options.build = BuilderLike(file);
  const auto d = static_cast<size_t>(file.index->dimension());
  auto state = FirstState(std::move(base), d, options.metric);
  return std::unique_ptr<LiveIndex>(
      new LiveIndex(std::make_unique<Core>(std::move(state), std::move(options))));
}

Status LiveIndex::Upsert(std::string_view id, std::span<const float> vector,
                         const AttributeTable* attributes) {
  const std::string one(id);
  if (vector.size() != static_cast<size_t>(dimension())) {
    return CheckVector(StrCat("the vector of '", one.substr(0, kMaxItemIdBytes), "'"), vector,
                       static_cast<size_t>(dimension()));
  }
  return Upsert(std::span(&one, 1), vector, attributes);
}

Status LiveIndex::Upsert(std::span<const std::string> ids, std::span<const float> vectors,
                         const AttributeTable* attributes) {
  const auto d = static_cast<size_t>(dimension());
  if (vectors.size() / d != ids.size() || vectors.size() % d != 0) {
    return InvalidArgumentError("got ", vectors.size(), " numbers for ", ids.size(), " items of ",
                                d, " dimensions");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    TANDEM_RETURN_IF_ERROR(CheckId(ids[i]));
    for (const float x : vectors.subspan(i * d, d)) {
      if (!std::isfinite(x)) {
        return InvalidArgumentError("the vector of '", ids[i], "' has a number that is not finite");
      }
    }
  }
  AttributeRow row;
  {
    const auto state = core_->Read();  // of any moment: the columns never change
    TANDEM_ASSIGN_OR_RETURN(row.table, CompleteAttributes(state->base->attributes(), attributes,
                                                          static_cast<int64_t>(ids.size())));
  }
  const std::vector<float> kept = AsSearched(metric(), vectors, d);
  return core_->Write([ids, &kept, &row, d](LiveState& next) -> Status {
    if (static_cast<int64_t>(ids.size()) > kMaxOrdinals - next.ordinals()) {
      return ResourceExhaustedError("no room for ", ids.size(), " more items beside ",
                                    next.ordinals(), "; an index has at most ", kMaxOrdinals);
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      const int32_t old = next.Find(ids[i]);
      if (old >= 0) next.Kill(old);
      row.row = static_cast<int32_t>(i);
      next.Append(ids[i], std::span(kept).subspan(i * d, d), row);
    }
    return {};
  });
}

Status LiveIndex::Delete(std::string_view id) {
  return core_->Write([id](LiveState& next) -> Status {
    const int32_t ordinal = next.Find(id);
    if (ordinal < 0) return NoSuchItem(id);
    next.Kill(ordinal);
    return {};
  });
}

namespace {

// All searches have the same filter.
Result<std::vector<std::vector<Neighbor>>> SearchState(const LiveState& state,
                                                       std::span<const float> queries, int64_t k,
                                                       std::span<const LiveSearch> searches) {
  const size_t q = queries.size() / state.dimension;
  if (k < 1) return InvalidArgumentError("k is ", k, ", expected at least 1");
  if (searches.size() > 1 && searches.size() != q) {
    return InvalidArgumentError("got ", searches.size(), " search options for ", q,
                                " queries; expected none, one for all or one for each");
  }
  std::vector<Ordinals> exclude;
  if (!searches.empty()) exclude.reserve(q);
  for (const LiveSearch& search : searches) exclude.push_back(ToOrdinals(state, search.exclude));
  if (searches.size() == 1) exclude.resize(q, Ordinals(exclude[0]));
  const std::vector<float> asked = AsSearched(state.metric, queries, state.dimension);
  std::optional<Filter> filter;
  if (!searches.empty() && !searches[0].filter.empty()) {
    TANDEM_ASSIGN_OR_RETURN(filter, Filter::Parse(searches[0].filter));
  }
  TANDEM_ASSIGN_OR_RETURN(const auto found,
                          state.Search(asked, k, exclude, filter.has_value() ? &*filter : nullptr));
  std::vector<std::vector<Neighbor>> answers(q);
  for (size_t i = 0; i < q; ++i) {
    answers[i].reserve(found[i].size());
    for (const Hit& hit : found[i]) {
      TANDEM_ASSIGN_OR_RETURN(std::string id, state.Id(hit.item));
      answers[i].push_back({std::move(id), hit.score});
    }
  }
  return answers;
}

}  // namespace

Result<std::vector<Neighbor>> LiveIndex::Search(std::span<const float> query, int64_t k,
                                                const LiveSearch& search) const {
  TANDEM_RETURN_IF_ERROR(CheckVector("the query", query, static_cast<size_t>(dimension())));
  const bool plain = search.exclude.empty() && search.filter.empty();
  const std::span<const LiveSearch> searches(&search, plain ? 0 : 1);
  TANDEM_ASSIGN_OR_RETURN(auto answers, SearchState(*core_->Read(), query, k, searches));
  return std::move(answers[0]);
}

Result<std::vector<std::vector<Neighbor>>> LiveIndex::SearchBatch(
    std::span<const float> queries, int64_t k, std::span<const LiveSearch> searches) const {
  const auto d = static_cast<size_t>(dimension());
  if (queries.size() % d != 0) {
    return InvalidArgumentError("got ", queries.size(), " query numbers; expected q * ", d);
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (std::isfinite(queries[i])) continue;
    return InvalidArgumentError("query ", i / d, " has a number that is not finite");
  }
  const auto state = core_->Read();
  const bool one_filter = std::all_of(
      searches.begin(), searches.end(),
      [&searches](const LiveSearch& search) { return search.filter == searches[0].filter; });
  if (one_filter || searches.size() != queries.size() / d) {
    return SearchState(*state, queries, k, searches);
  }
  std::vector<std::vector<Neighbor>> answers;
  for (size_t i = 0; i < searches.size(); ++i) {
    TANDEM_ASSIGN_OR_RETURN(
        auto answer, SearchState(*state, queries.subspan(i * d, d), k, searches.subspan(i, 1)));
    answers.push_back(std::move(answer[0]));
  }
  return answers;
}

Result<std::vector<Neighbor>> LiveIndex::NeighborsOf(std::string_view id, int64_t k,
                                                     LiveSearch search) const {
  const auto state = core_->Read();
  const int32_t ordinal = state->Find(id);
  if (ordinal < 0) return NoSuchItem(id);
  std::vector<float> query(state->dimension);
  state->CopyVector(ordinal, query);
  search.exclude.emplace_back(id);
  TANDEM_ASSIGN_OR_RETURN(auto answers, SearchState(*state, query, k, std::span(&search, 1)));
  return std::move(answers[0]);
}

Result<std::vector<float>> LiveIndex::Vector(std::string_view id) const {
  const auto state = core_->Read();
  const int32_t ordinal = state->Find(id);
  if (ordinal < 0) return NoSuchItem(id);
  std::vector<float> vector(state->dimension);
  state->CopyVector(ordinal, vector);
  return vector;
}

Result<AttributeTable> LiveIndex::Attributes(std::string_view id) const {
  const auto state = core_->Read();
  const int32_t ordinal = state->Find(id);
  if (ordinal < 0) return NoSuchItem(id);
  return state->Attributes(ordinal);
}

bool LiveIndex::Contains(std::string_view id) const { return core_->Read()->Find(id) >= 0; }
int64_t LiveIndex::size() const { return core_->Read()->size; }
int64_t LiveIndex::dimension() const { return static_cast<int64_t>(core_->Read()->dimension); }
Metric LiveIndex::metric() const { return core_->Read()->metric; }
Status LiveIndex::Flush() { return core_->MergeNow(); }
Status LiveIndex::Save(Env& env, const std::string& path) {
  TANDEM_RETURN_IF_ERROR(Flush());
  const std::shared_ptr<const LiveBase> base = core_->Read()->base;
  return base->Write(env, path);
}
LiveStats LiveIndex::stats() const { return core_->stats(); }

}  // namespace tandem::index
