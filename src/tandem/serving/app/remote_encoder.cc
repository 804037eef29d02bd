#include "tandem/serving/app/remote_encoder.h"

#include <grpcpp/grpcpp.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <span>
#include <utility>

#include "tandem/base/log.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/bundle/query.h"
#include "tandem/serving/app/model_replicas.h"
#include "tandem/serving/app/overdue_queue.h"
#include "tandem/serving/net/code_counters.h"
#include "tandem/serving/net/grpc_process.h"

namespace tandem::app {
namespace {

namespace wire = tensorflow::serving;
using Outcome = ModelReplicas::Outcome;
using SystemTime = std::chrono::system_clock::time_point;

constexpr char kBundleMetadata[] = "tandem-bundle";
constexpr size_t kCodeEnd = 17;  // OK to UNAUTHENTICATED
// A query that was refused at once is asked elsewhere as long as there are others; one that
// failed otherwise, once: a second failure of that kind is likely to be the query's own.
constexpr size_t kMaxTries = 8;
constexpr size_t kMaxFailures = 2;
// Silence for this part of the time is as good as a failure.
constexpr double kSilence = 0.4;

void FillRequest(const std::string& model_name, const bundle::Bundle& bundle,
                 std::string_view user_id, wire::PredictRequest& request) {
  wire::ModelSpec& spec = *request.mutable_model_spec();
  spec.set_name(model_name);
  spec.mutable_version()->set_value(bundle.version);
  tensorflow::TensorProto& input = (*request.mutable_inputs())[bundle.signature.user_input];
  input.set_dtype(tensorflow::DT_STRING);
  input.mutable_tensor_shape()->add_dim()->set_size(1);
  input.add_string_val(std::string(user_id));
}

// One RPC to one replica.
struct Call {
  explicit Call(ModelReplicas::ReplicaPtr to) : replica(std::move(to)) {}

  const ModelReplicas::ReplicaPtr replica;
  const ModelReplicas::Time began = std::chrono::steady_clock::now();
  grpc::ClientContext context;
  wire::PredictResponse response;
};

// The embedding of the answer; else why it cannot be taken.
Result<std::vector<float>> TakeEmbedding(const bundle::Bundle& bundle, const Call& call,
                                         const grpc::Status& status) {
  if (!status.ok()) {
    return Status(static_cast<StatusCode>(status.error_code()), status.error_message());
  }
  const auto& metadata = call.context.GetServerInitialMetadata();
  const auto fingerprint = metadata.find(kBundleMetadata);
  const std::string got = fingerprint == metadata.end()
                              ? "none"
                              : std::string(fingerprint->second.data(), fingerprint->second.size());
  if (got != bundle.fingerprint) {
    return FailedPreconditionError("it serves another bundle: expected the fingerprint ",
                                   bundle.fingerprint, ", got ", got);
  }
  const auto output = call.response.outputs().find(bundle.signature.embedding_output);
  if (output == call.response.outputs().end() ||
      output->second.float_val_size() != bundle.dimension()) {
    return InternalError("its answer lacks the output ", bundle.signature.embedding_output,
                         " with ", bundle.dimension(), " floats");
  }
  const auto& values = output->second.float_val();
  return std::vector<float>(values.begin(), values.end());
}

Outcome OutcomeOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return Outcome::kServed;
    case StatusCode::kNotFound:  // this version is not there
    case StatusCode::kFailedPrecondition:
      return Outcome::kOtherBundle;
    case StatusCode::kUnavailable:
    case StatusCode::kCancelled:  // by the server, which ends
      return Outcome::kUnreachable;
    default:
      return Outcome::kFailed;
  }
}

}  // namespace

class RemoteEncoder::Core {
  struct Query;
  using QueryPtr = std::shared_ptr<Query>;

 public:
  using Answer = std::function<void(Result<std::vector<float>>)>;

  Core(const RemoteEncoderOptions& options, Resolver resolve, prometheus::Registry& registry);
  // Every query ends by its deadline at the latest.
  ~Core() TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (queries_ > 0) all_done_.Wait(mutex_);
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // `answer` gets the embedding of a replica, or why there is none.
  void Ask(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id, Answer answer);
  // Tells the log where the state changes from all well to not, or back.
  void Record(const Status& status);

 private:
  void Begin(QueryPtr query, ModelReplicas::ReplicaPtr replica);
  void Finish(const QueryPtr& query, const std::shared_ptr<Call>& call, const grpc::Status& status);
  ModelReplicas::ReplicaPtr PickNext(Query& query, Outcome outcome);
  // One hope less; the last one answers with the failure of a call.
  void GiveUp(Query& query);
  void JoinSilent(const QueryPtr& query);
  void SetAddresses(const Result<std::vector<std::string>>& addresses);

  const RemoteEncoderOptions options_;
  net::CodeCounters calls_;
  prometheus::Counter& retries_;
  prometheus::Gauge& replica_count_;
  std::atomic<bool> well_ = true;
  std::atomic<bool> resolves_ = true;

  Mutex mutex_;
  CondVar all_done_;
  int64_t queries_ TANDEM_GUARDED_BY(mutex_) = 0;

  ModelReplicas replicas_;
  // Their threads use all of the above.
  OverdueQueue<Query> silent_;
  AddressWatch watch_;
};

// One user's embedding, asked for by one call or more; lives until the last of them has ended.
struct RemoteEncoder::Core::Query {
  Query(Core& owner, std::shared_ptr<const bundle::Bundle> of, Answer to)
      : core(owner), bundle(std::move(of)), answer(std::move(to)) {
    MutexLock lock(core.mutex_);
    ++core.queries_;
  }
  // Lets the replicas go first: a channel must not end on a thread of gRPC, and its owner may end
  // as soon as it hears that the last query has.
  ~Query() {
    {
      MutexLock lock(mutex);
      tried.clear();
    }
    MutexLock lock(core.mutex_);
    if (--core.queries_ == 0) core.all_done_.NotifyAll();
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Core& core;
  const std::shared_ptr<const bundle::Bundle> bundle;
  const Answer answer;
  wire::PredictRequest request;
  SystemTime deadline;

  Mutex mutex;
  ModelReplicas::Tried tried TANDEM_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<Call>> open TANDEM_GUARDED_BY(mutex);
  // Calls that are open or about to begin, or whose failure may still lead to another one. Not the
  // size of `open`: between a failure and the next call, another call may fail.
  size_t hopes TANDEM_GUARDED_BY(mutex) = 1;
  size_t failures TANDEM_GUARDED_BY(mutex) = 0;  // of the kind that is tried once again
  Status failure TANDEM_GUARDED_BY(mutex);       // the last one
  Status other_bundle TANDEM_GUARDED_BY(mutex);  // of a replica that answered, but for another
  bool answered TANDEM_GUARDED_BY(mutex) = false;
};

RemoteEncoder::Core::Core(const RemoteEncoderOptions& options, Resolver resolve,
                          prometheus::Registry& registry)
    : options_(options),
      calls_(prometheus::BuildCounter()
                 .Name("tandem_model_server_calls_total")
                 .Help("Calls of the model server, by code; CANCELLED: another one was faster")
                 .Register(registry),
             {}, kCodeEnd,
             [](int code) { return std::string(StatusCodeName(static_cast<StatusCode>(code))); }),
      retries_(
          prometheus::BuildCounter()
              .Name("tandem_model_server_retries_total")
              .Help("Calls made on another replica after a failure, another bundle, or silence")
              .Register(registry)
              .Add({})),
      replica_count_(prometheus::BuildGauge()
                         .Name("tandem_model_server_replicas")
                         .Help("Addresses that the model server's name has")
                         .Register(registry)
                         .Add({})),
      replicas_(options.pause),
      silent_(std::chrono::duration_cast<std::chrono::steady_clock::duration>(options.timeout *
                                                                              kSilence),
              [this](const QueryPtr& query) { JoinSilent(query); }),
      watch_(std::move(resolve), options.resolve_interval,
             [this](const auto& addresses) { SetAddresses(addresses); }) {}

void RemoteEncoder::Core::SetAddresses(const Result<std::vector<std::string>>& addresses) {
  const bool resolves = addresses.ok() && !addresses->empty();
  replica_count_.Set(resolves ? static_cast<double>(addresses->size()) : 0);
  // Without an answer those of the last one stay: they fail by themselves if they are gone.
  if (resolves) replicas_.SetAddresses(*addresses);
  if (resolves_.exchange(resolves) == resolves) return;
  const std::string name = StrCat("model server ", options_.target);
  if (resolves) {
    Log(LogLevel::kInfo, StrCat(name, ": resolves to ", addresses->size(), " addresses"));
  } else {
    Log(LogLevel::kWarning,
        StrCat(name, ": ", addresses.ok() ? "has no address" : addresses.status().message()));
  }
}

void RemoteEncoder::Core::Ask(std::shared_ptr<const bundle::Bundle> bundle,
                              std::string_view user_id, Answer answer) {
  auto replica = replicas_.Pick(bundle->fingerprint, {}, ModelReplicas::For::kFirstTry);
  if (replica == nullptr) {
    watch_.Refresh();
    return answer(UnavailableError("no replica can be asked now"));
  }
  const auto query = std::make_shared<Query>(*this, std::move(bundle), std::move(answer));
  FillRequest(options_.model_name, *query->bundle, user_id, query->request);
  query->deadline = std::chrono::system_clock::now() + options_.timeout;
  if (replicas_.size() > 1) silent_.Add(query);
  Begin(query, std::move(replica));
}

void RemoteEncoder::Core::Begin(QueryPtr query, ModelReplicas::ReplicaPtr replica) {
  if (options_.before_call) options_.before_call();
  auto call = std::make_shared<Call>(std::move(replica));
  call->context.set_deadline(query->deadline);
  call->context.AddMetadata(kBundleMetadata, query->bundle->fingerprint);
  {
    MutexLock lock(query->mutex);
    if (query->answered) return;
    if (!query->tried.empty()) retries_.Increment();
    query->tried.push_back(call->replica);
    query->open.push_back(call);
  }
  Call& raw = *call;
  const wire::PredictRequest& request = query->request;
  raw.replica->stub().async()->Predict(
      &raw.context, &request, &raw.response,
      [this, query = std::move(query), call = std::move(call)](const grpc::Status& status) mutable {
        Finish(query, call, status);
        call.reset();  // before the query, whose end may be that of the channels
        query.reset();
      });
}

void RemoteEncoder::Core::Finish(const QueryPtr& query, const std::shared_ptr<Call>& call,
                                 const grpc::Status& status) {
  calls_.Increment(static_cast<int>(status.error_code()));
  Result<std::vector<float>> embedding = TakeEmbedding(*query->bundle, *call, status);
  const Outcome outcome = OutcomeOf(embedding.status());
  std::vector<std::shared_ptr<Call>> others;
  {
    MutexLock lock(query->mutex);
    auto& open = query->open;
    open.erase(std::find(open.begin(), open.end(), call));
    if (query->answered) return;  // and this one was cancelled
    query->failure = embedding.status();
    if (outcome == Outcome::kOtherBundle) query->other_bundle = embedding.status();
    if (embedding.ok()) {
      query->answered = true;
      others = open;
    }
  }
  replicas_.Report(call->replica, query->bundle->fingerprint, outcome, call->began);
  if (!embedding.ok()) {
    watch_.Refresh();
    auto next = PickNext(*query, outcome);
    if (next != nullptr) return Begin(query, std::move(next));
    return GiveUp(*query);
  }
  for (const auto& other : others) other->context.TryCancel();
  query->answer(std::move(embedding));
}

void RemoteEncoder::Core::GiveUp(Query& query) {
  Status why;
  {
    MutexLock lock(query.mutex);
    if (--query.hopes > 0 || query.answered) return;
    query.answered = true;
    // That there is one which answers says more than that the last one did not.
    why = query.other_bundle.ok() ? query.failure : query.other_bundle;
  }
  query.answer(std::move(why));
}

// Null where the query had its chances.
ModelReplicas::ReplicaPtr RemoteEncoder::Core::PickNext(Query& query, Outcome outcome) {
  ModelReplicas::Tried tried;
  {
    MutexLock lock(query.mutex);
    if (outcome == Outcome::kFailed) ++query.failures;
    if (query.answered || query.failures >= kMaxFailures || query.tried.size() >= kMaxTries) {
      return nullptr;
    }
    tried = query.tried;
  }
  if (std::chrono::system_clock::now() >= query.deadline) return nullptr;
  return replicas_.Pick(query.bundle->fingerprint, tried, ModelReplicas::For::kRetry);
}

void RemoteEncoder::Core::JoinSilent(const QueryPtr& query) {
  ModelReplicas::Tried tried;
  std::shared_ptr<Call> silent;
  {
    MutexLock lock(query->mutex);
    if (query->answered || query->open.empty()) return;
    silent = query->open.back();
    tried = query->tried;
    ++query->hopes;
  }
  auto next = replicas_.Pick(query->bundle->fingerprint, tried, ModelReplicas::For::kHedge);
  if (next == nullptr) return GiveUp(*query);
  replicas_.Report(silent->replica, query->bundle->fingerprint, Outcome::kFailed, silent->began);
  Begin(query, std::move(next));
}

void RemoteEncoder::Core::Record(const Status& status) {
  if (well_.exchange(status.ok()) == status.ok()) return;
  if (status.ok()) {
    Log(LogLevel::kInfo, StrCat("model server ", options_.target, ": answers"));
  } else {
    Log(LogLevel::kWarning,
        StrCat("model server ", options_.target, ": the app encodes users itself: ", status));
  }
}

Result<std::unique_ptr<RemoteEncoder>> RemoteEncoder::Create(const RemoteEncoderOptions& options,
                                                             prometheus::Registry& registry) {
  net::SetUpGrpcProcess();
  Resolver resolve = options.resolve;
  if (!resolve) {
    TANDEM_ASSIGN_OR_RETURN(resolve, SystemResolver(options.target));
  }
  return std::unique_ptr<RemoteEncoder>(
      new RemoteEncoder(std::make_unique<Core>(options, std::move(resolve), registry)));
}

RemoteEncoder::RemoteEncoder(std::unique_ptr<Core> core) : core_(std::move(core)) {}
RemoteEncoder::~RemoteEncoder() = default;

void RemoteEncoder::Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
                           Done done) {
  core_->Ask(bundle, user_id,
             [this, bundle, user_id = std::string(user_id),
              done = std::move(done)](Result<std::vector<float>> embedding) {
               core_->Record(embedding.status());
               if (embedding.ok()) return done({.embedding = std::move(embedding).value()});
               const std::span<const float> own = bundle::UserEmbedding(*bundle, user_id);
               done({.embedding = {own.begin(), own.end()}, .degraded = true});
             });
}

RemoteEncoder::Presence RemoteEncoder::Find(std::shared_ptr<const bundle::Bundle> bundle) {
  std::promise<Outcome> outcome;
  core_->Ask(std::move(bundle), "", [&outcome](const Result<std::vector<float>>& embedding) {
    outcome.set_value(OutcomeOf(embedding.status()));
  });
  switch (outcome.get_future().get()) {
    case Outcome::kServed:
      return Presence::kServed;
    case Outcome::kOtherBundle:
      return Presence::kOtherBundle;
    default:
      return Presence::kNoAnswer;
  }
}

}  // namespace tandem::app
