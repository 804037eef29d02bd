#include "tandem/serving/app/remote_encoder.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
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

}  // namespace

class RemoteEncoder::Core {
 public:
  explicit Core(const RemoteEncoderOptions& options)
      : options_(options), stub_(wire::PredictionService::NewStub(MakeChannel(options.target))) {}

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
    TellChange(embedding.status());
    if (embedding.ok()) {
      call->done({.embedding = std::move(embedding).value(), .degraded = false});
    } else {
      const auto own = bundle::UserEmbedding(*call->bundle, call->user_id);
      call->done({.embedding = {own.begin(), own.end()}, .degraded = true});
    }
    call.reset();
    MutexLock lock(mutex_);
    if (--in_flight_ == 0) all_done_.NotifyAll();
  }

  void TellChange(const Status& status) {
    if (degraded_.load(std::memory_order_relaxed) == !status.ok()) return;  // the usual case
    if (degraded_.exchange(!status.ok()) == !status.ok()) return;
    if (status.ok()) {
      Log(LogLevel::kInfo, StrCat("model server ", options_.target, ": answers again"));
    } else {
      Log(LogLevel::kWarning,
          StrCat("model server ", options_.target, ": the app encodes users itself: ", status));
    }
  }

  const RemoteEncoderOptions options_;
  const std::unique_ptr<wire::PredictionService::Stub> stub_;
  std::atomic<bool> degraded_ = false;

  Mutex mutex_;
  CondVar all_done_;
  int64_t in_flight_ TANDEM_GUARDED_BY(mutex_) = 0;
};

RemoteEncoder::RemoteEncoder(const RemoteEncoderOptions& options)
    : core_(std::make_unique<Core>(options)) {}

RemoteEncoder::~RemoteEncoder() { core_->WaitForCalls(); }

void RemoteEncoder::Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
                           Done done) {
  auto call = std::make_unique<Call>();
  call->bundle = std::move(bundle);
  call->user_id = user_id;
  call->done = std::move(done);
  core_->Start(std::move(call));
}

}  // namespace tandem::app
