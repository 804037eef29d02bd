#include "tandem/index/live_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "tandem/base/log.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/index/filter.h"
#include "tandem/index/live_base.h"
#include "tandem/index/live_state.h"
#include "tandem/index/published.h"

namespace tandem::index {
namespace {

constexpr int64_t kMaxDimension = 65536;
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

class LiveIndex::Core {
 public:
  Core(std::unique_ptr<LiveState> state, LiveOptions options)
      : options_(std::move(options)), state_(std::move(state)) {
    if (options_.merge_in_background) merger_ = std::thread([this] { MergeWhenDue(); });
  }
  ~Core() {
    {
      MutexLock lock(write_mutex_);
      stopping_ = true;
    }
    due_.NotifyAll();
    if (merger_.joinable()) merger_.join();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Published<LiveState>::Hold Read() const { return state_.Read(); }

  // Calls change(LiveState& next), which may refuse before it has begun, and publishes what it has
  // made of the state. Where memory runs out in the middle, the log holds what no state must see:
  // that state stays, and nothing is written any more.
  template <typename Change>
  Status Write(Change&& change) TANDEM_EXCLUDES(write_mutex_) {
    Replaced replaced;
    MutexLock lock(write_mutex_);
    TANDEM_RETURN_IF_ERROR(broken_);
    try {
      auto next = std::make_unique<LiveState>(state_.current());
      ++next->change;
      TANDEM_RETURN_IF_ERROR(change(*next));
      replaced = state_.Publish(std::move(next));
    } catch (const std::bad_alloc&) {
      broken_ = ResourceExhaustedError(
          "memory ran out while a live index was changed; it can be searched, not changed: "
          "build a new one");
      return broken_;
    }
    if (IsDue()) due_.NotifyOne();
    return {};
  }

  Status MergeNow() TANDEM_EXCLUDES(merge_mutex_, write_mutex_) {
    MutexLock merging(merge_mutex_);
    const LiveState before = *state_.Read();
    if (before.pending() == 0) return {};
    const Result<Merged> merged = Merge(before, options_.build);
    Replaced replaced;
    MutexLock lock(write_mutex_);
    TANDEM_RETURN_IF_ERROR(broken_);
    if (!merged.ok()) {
      stats_.last_merge_error = merged.status();
      retry_at_ = state_.current().pending() + MergeAt();
      return merged.status();
    }
    replaced =
        state_.Publish(std::make_unique<LiveState>(Rebase(state_.current(), before, *merged)));
    stats_.last_merge_error = {};
    ++stats_.merges;
    retry_at_ = 0;
    return {};
  }

  LiveStats stats() const TANDEM_EXCLUDES(write_mutex_) {
    MutexLock lock(write_mutex_);
    LiveStats stats = stats_;
    stats.size = state_.current().size;
    stats.base = state_.current().base->size();
    stats.pending = state_.current().pending();
    return stats;
  }

 private:
  // States to be destroyed: declared before the lock, so that this happens without it.
  using Replaced = std::vector<std::unique_ptr<const LiveState>>;

  int64_t MergeAt() const TANDEM_REQUIRES(write_mutex_) {
    if (options_.merge_at > 0) return options_.merge_at;
    return 4096 + state_.current().base->size() / 128;
  }
  bool IsDue() const TANDEM_REQUIRES(write_mutex_) {
    return broken_.ok() && state_.current().pending() >= std::max(MergeAt(), retry_at_);
  }

  void MergeWhenDue() TANDEM_EXCLUDES(merge_mutex_, write_mutex_) {
    for (;;) {
      {
        MutexLock lock(write_mutex_);
        while (!stopping_ && !IsDue()) due_.Wait(write_mutex_);
        if (stopping_) return;
      }
      const Status status = MergeNow();
      if (!status.ok()) {
        Log(LogLevel::kError,
            StrCat("a live index goes on with its old base, merging failed: ", status));
      }
    }
  }

  LiveOptions options_;
  Mutex merge_mutex_;  // one merge at a time; taken before write_mutex_
  mutable Mutex write_mutex_;
  CondVar due_;
  bool stopping_ TANDEM_GUARDED_BY(write_mutex_) = false;
  // After a failure: how many changes must wait before the next try.
  int64_t retry_at_ TANDEM_GUARDED_BY(write_mutex_) = 0;
  Status broken_ TANDEM_GUARDED_BY(write_mutex_);  // why nothing can be written
  LiveStats stats_ TANDEM_GUARDED_BY(write_mutex_);
  Published<LiveState> state_;  // published under write_mutex_
  std::thread merger_;          // none where merging is for Flush alone
};

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
