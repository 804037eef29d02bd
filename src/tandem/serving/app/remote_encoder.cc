#include "tandem/serving/app/remote_encoder.h"

#include <grpcpp/grpcpp.h>

#include <span>
#include <utility>

#include "tandem/base/log.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/bundle/query.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace tandem::app {
namespace {

namespace wire = tensorflow::serving;

constexpr char kBundleMetadata[] = "tandem-bundle";
// Replicas behind one name each get their share.
constexpr char kServiceConfig[] = R"({"loadBalancingConfig":[{"round_robin":{}}]})";

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  // A model server that comes back is found again within a second or two.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // A peer that vanished without a word is noticed by a ping while calls wait.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // Proxies of the environment are for the world outside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// One RPC from its start to its answer; owns itself meanwhile.
struct Call {
  std::shared_ptr<const bundle::Bundle> bundle;
  std::string user_id;
  recommend::QueryEncoder::Done done;
  grpc::ClientContext context;
  wire::PredictRequest request;
  wire::PredictResponse response;
};

void FillRequest(const std::string& model_name, Call& call) {
  wire::ModelSpec& spec = *call.request.mutable_model_spec();
  spec.set_name(model_name);
  spec.mutable_version()->set_value(call.bundle->version);
  tensorflow::TensorProto& input =
      (*call.request.mutable_inputs())[call.bundle->signature.user_input];
  input.set_dtype(tensorflow::DT_STRING);
  input.mutable_tensor_shape()->add_dim()->set_size(1);
  input.add_string_val(call.user_id);
}

// The embedding of the answer; else why it cannot be taken.
Result<std::vector<float>> TakeEmbedding(const Call& call, const grpc::Status& status) {
  if (!status.ok()) {
    return Status(static_cast<StatusCode>(status.error_code()), status.error_message());
  }
  const auto& metadata = call.context.GetServerInitialMetadata();
  const auto fingerprint = metadata.find(kBundleMetadata);
  const std::string got = fingerprint == metadata.end()
                              ? "none"
                              : std::string(fingerprint->second.data(), fingerprint->second.size());
  if (got != call.bundle->fingerprint) {
    return FailedPreconditionError("it serves another bundle: expected the fingerprint ",
                                   call.bundle->fingerprint, ", got ", got);
  }
  const auto output = call.response.outputs().find(call.bundle->signature.embedding_output);
  if (output == call.response.outputs().end() ||
      output->second.float_val_size() != call.bundle->dimension()) {
    return InternalError("its answer lacks the output ", call.bundle->signature.embedding_output,
                         " with ", call.bundle->dimension(), " floats");
  }
  const auto& values = output->second.float_val();
  return std::vector<float>(values.begin(), values.end());
}

// Whether to ask a server that may be away. Thread-safe.
class Breaker {
 public:
  explicit Breaker(std::chrono::milliseconds pause) : pause_(pause) {}

  bool Admits() TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (failures_ < RemoteEncoder::kFailuresBeforePause) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now < ask_again_at_) return false;
    ask_again_at_ = now + pause_;
    return true;
  }
  // True where the state changed from all well to not, or back.
  bool Record(bool ok) TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const bool changed = ok == (failures_ > 0);
    failures_ = ok ? 0 : failures_ + 1;
    if (!ok) ask_again_at_ = std::chrono::steady_clock::now() + pause_;
    return changed;
  }

 private:
  const std::chrono::milliseconds pause_;
  Mutex mutex_;
  int64_t failures_ TANDEM_GUARDED_BY(mutex_) = 0;  // in a row
  std::chrono::steady_clock::time_point ask_again_at_ TANDEM_GUARDED_BY(mutex_);
};

void AnswerOwn(const bundle::Bundle& bundle, std::string_view user_id,
               const recommend::QueryEncoder::Done& done) {
  const std::span<const float> own = bundle::UserEmbedding(bundle, user_id);
  done({.embedding = {own.begin(), own.end()}, .degraded = true});
}

}  // namespace

class RemoteEncoder::Core {
 public:
  explicit Core(const RemoteEncoderOptions& options)
      : options_(options),
        stub_(wire::PredictionService::NewStub(MakeChannel(options.target))),
        breaker_(options.pause) {}

  bool Admits() { return breaker_.Admits(); }

  void Start(std::unique_ptr<Call> call) TANDEM_EXCLUDES(mutex_) {
    FillRequest(options_.model_name, *call);
    call->context.set_deadline(std::chrono::system_clock::now() + options_.timeout);
    {
      MutexLock lock(mutex_);
      ++in_flight_;
    }
    Call* const raw = call.release();
    stub_->async()->Predict(
        &raw->context, &raw->request, &raw->response,
        [this, raw](const grpc::Status& status) { Finish(std::unique_ptr<Call>(raw), status); });
  }

  // Every call ends by its deadline at the latest.
  void WaitForCalls() TANDEM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (in_flight_ > 0) all_done_.Wait(mutex_);
  }

 private:
  void Finish(std::unique_ptr<Call> call, const grpc::Status& status) TANDEM_EXCLUDES(mutex_) {
    Result<std::vector<float>> embedding = TakeEmbedding(*call, status);
    if (breaker_.Record(embedding.ok())) TellChange(embedding.status());
    if (embedding.ok()) {
      call->done({.embedding = std::move(embedding).value(), .degraded = false});
    } else {
      AnswerOwn(*call->bundle, call->user_id, call->done);
    }
    call.reset();
    MutexLock lock(mutex_);
    if (--in_flight_ == 0) all_done_.NotifyAll();
  }

  void TellChange(const Status& status) const {
    if (status.ok()) {
      Log(LogLevel::kInfo, StrCat("model server ", options_.target, ": answers"));
    } else {
      Log(LogLevel::kWarning,
          StrCat("model server ", options_.target, ": the app encodes users itself: ", status));
    }
  }

  const RemoteEncoderOptions options_;
  const std::unique_ptr<wire::PredictionService::Stub> stub_;
  Breaker breaker_;

  Mutex mutex_;
  CondVar all_done_;
  int64_t in_flight_ TANDEM_GUARDED_BY(mutex_) = 0;
};

RemoteEncoder::RemoteEncoder(const RemoteEncoderOptions& options)
    : core_(std::make_unique<Core>(options)) {}

RemoteEncoder::~RemoteEncoder() { core_->WaitForCalls(); }

void RemoteEncoder::Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
                           Done done) {
  if (!core_->Admits()) return AnswerOwn(*bundle, user_id, done);
  auto call = std::make_unique<Call>();
  call->bundle = std::move(bundle);
  call->user_id = user_id;
  call->done = std::move(done);
  core_->Start(std::move(call));
}

}  // namespace tandem::app
