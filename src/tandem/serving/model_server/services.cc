#include "tandem/serving/model_server/services.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tandem/serving/model_server/predict.h"
#include "tandem/serving/model_server/signature.h"

namespace tandem::model_server {
namespace {

namespace wire = tensorflow::serving;
using BundleHandle = versions::Handle<bundle::Bundle>;

constexpr size_t kMaxMessage = 1024;

// Holds the part of the budget that belongs to a large answer until the client has it.
class LargeAnswer final : public grpc::ServerUnaryReactor {
 public:
  explicit LargeAnswer(AnswerBudget::Share share) : share_(std::move(share)) {}
  void OnDone() override { delete this; }

 private:
  const AnswerBudget::Share share_;
};

grpc::ServerUnaryReactor* Finish(grpc::ServerUnaryReactor* reactor, const net::GrpcCall& call,
                                 const Status& status) {
  call.Finish(status.code());
  std::string message = status.message();
  if (message.size() > kMaxMessage) message = message.substr(0, kMaxMessage) + "...TRUNCATED";
  reactor->Finish(grpc::Status(static_cast<grpc::StatusCode>(status.code()), message));
  return reactor;
}

// TensorFlow Serving's answers to a request that names no version that is available here.
Result<BundleHandle> Find(const ServedModel& model, const wire::ModelSpec& spec) {
  if (spec.name().empty()) return InvalidArgumentError("ModelSpec has no name specified.");
  if (spec.version_choice_case() == wire::ModelSpec::kVersionLabel) {
    return InvalidArgumentError("Unrecognized servable version label: ", spec.version_label());
  }
  std::optional<int64_t> version;
  if (spec.has_version()) version = spec.version().value();
  if (spec.name() == model.name) {
    Result<BundleHandle> handle = model.versions.Get(version);
    if (handle.ok()) return handle;
  }
  if (version.has_value()) {
    return NotFoundError("Servable not found for request: Specific(", spec.name(), ", ", *version,
                         ")");
  }
  return NotFoundError("Servable not found for request: Latest(", spec.name(), ")");
}

// The fingerprint of the bundle that the client wants; empty where it does not say.
std::string WantedBundle(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find(kBundleMetadata);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

Result<BundleHandle> FindBundle(const ServedModel& model, const wire::ModelSpec& spec,
                                const std::string& wanted) {
  Result<BundleHandle> handle = Find(model, spec);
  if (wanted.empty() || (handle.ok() && (*handle)->fingerprint == wanted)) return handle;
  if (!handle.ok() && handle.status().code() != StatusCode::kNotFound) return handle;
  const std::vector<BundleHandle> available =
      spec.name() == model.name ? model.versions.Available() : std::vector<BundleHandle>();
  if (available.empty()) return handle;
  std::string others;
  for (const BundleHandle& one : available) {
    if (one->fingerprint == wanted) return one;
    others += StrCat(others.empty() ? "" : ", ", one->fingerprint, " as version ", one.version());
  }
  return FailedPreconditionError("bundle ", wanted, " is not served here; served: ", others);
}

Status Metadata(const ServedModel& model, const wire::GetModelMetadataRequest& request,
                wire::GetModelMetadataResponse& response) {
  if (!request.has_model_spec()) return InvalidArgumentError("Missing ModelSpec");
  if (request.metadata_field().empty()) {
    return InvalidArgumentError("GetModelMetadataRequest must specify at least one metadata_field");
  }
  for (const std::string& field : request.metadata_field()) {
    if (field == "signature_def") continue;
    return InvalidArgumentError("Metadata field ", field, " is not supported");
  }
  TANDEM_ASSIGN_OR_RETURN(const BundleHandle handle, Find(model, request.model_spec()));
  response.mutable_model_spec()->set_name(model.name);
  response.mutable_model_spec()->mutable_version()->set_value(handle.version());
  (*response.mutable_metadata())["signature_def"].PackFrom(Signatures(*handle));
  return {};
}

wire::ModelVersionStatus::State WireState(versions::State state) {
  switch (state) {
    case versions::State::kStart:
      return wire::ModelVersionStatus::START;
    case versions::State::kLoading:
      return wire::ModelVersionStatus::LOADING;
    case versions::State::kAvailable:
      return wire::ModelVersionStatus::AVAILABLE;
    case versions::State::kUnloading:
      return wire::ModelVersionStatus::UNLOADING;
    case versions::State::kEnd:
      return wire::ModelVersionStatus::END;
  }
  return wire::ModelVersionStatus::UNKNOWN;
}

Status ModelStatus(const ServedModel& model, const wire::GetModelStatusRequest& request,
                   wire::GetModelStatusResponse& response) {
  if (!request.has_model_spec()) return InvalidArgumentError("Missing ModelSpec");
  const wire::ModelSpec& spec = request.model_spec();
  if (spec.version_choice_case() == wire::ModelSpec::kVersionLabel) {
    return InvalidArgumentError("Unrecognized servable version label: ", spec.version_label());
  }
  if (spec.name() != model.name) {
    return NotFoundError("Could not find any versions of model ", spec.name());
  }
  for (const versions::VersionStatus& one : model.versions.Statuses()) {
    if (spec.has_version() && spec.version().value() != one.version) continue;
    wire::ModelVersionStatus& status = *response.add_model_version_status();
    status.set_version(one.version);
    status.set_state(WireState(one.state));
    status.mutable_status()->set_error_code(static_cast<tensorflow::error::Code>(one.error.code()));
    status.mutable_status()->set_error_message(one.error.message());
  }
  if (response.model_version_status().empty()) {
    return NotFoundError("Could not find version ", spec.version().value(), " of model ",
                         spec.name());
  }
  return {};
}

std::string MethodName(const char* service, const char* method) {
  return StrCat(service, '/', method);
}

}  // namespace

PredictionService::PredictionService(const ServedModel& model, net::GrpcMetrics& metrics)
    : model_(model),
      predict_(
          metrics.AddMethod(MethodName(wire::PredictionService::service_full_name(), "Predict"))),
      get_metadata_(metrics.AddMethod(
          MethodName(wire::PredictionService::service_full_name(), "GetModelMetadata"))) {}

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const wire::PredictRequest* request,
                                                     wire::PredictResponse* response) {
  const net::GrpcCall call(predict_);
  const Result<BundleHandle> handle =
      FindBundle(model_, request->model_spec(), WantedBundle(*context));
  if (!handle.ok()) return Finish(context->DefaultReactor(), call, handle.status());
  context->AddInitialMetadata(kBundleMetadata, (*handle)->fingerprint);
  response->mutable_model_spec()->set_name(model_.name);
  response->mutable_model_spec()->mutable_version()->set_value(handle->version());
  AnswerBudget::Share share;
  const Status status = model_server::Predict(**handle, *request, budget_, *response, share);
  if (share.empty()) return Finish(context->DefaultReactor(), call, status);
  return Finish(new LargeAnswer(std::move(share)), call, status);
}

grpc::ServerUnaryReactor* PredictionService::GetModelMetadata(
    grpc::CallbackServerContext* context, const wire::GetModelMetadataRequest* request,
    wire::GetModelMetadataResponse* response) {
  const net::GrpcCall call(get_metadata_);
  return Finish(context->DefaultReactor(), call, Metadata(model_, *request, *response));
}

ModelService::ModelService(const ServedModel& model, net::GrpcMetrics& metrics)
    : model_(model),
      get_status_(metrics.AddMethod(
          MethodName(wire::ModelService::service_full_name(), "GetModelStatus"))) {}

grpc::ServerUnaryReactor* ModelService::GetModelStatus(grpc::CallbackServerContext* context,
                                                       const wire::GetModelStatusRequest* request,
                                                       wire::GetModelStatusResponse* response) {
  const net::GrpcCall call(get_status_);
  return Finish(context->DefaultReactor(), call, ModelStatus(model_, *request, *response));
}

}  // namespace tandem::model_server
