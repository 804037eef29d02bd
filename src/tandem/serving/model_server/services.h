// The services of TensorFlow Serving over the versions of one model: PredictionService (Predict,
// GetModelMetadata) and ModelService (GetModelStatus).
//
// Predict tells the bundle's fingerprint as the initial metadata "tandem-bundle", so that a
// client can know whose embedding space it got. A client that sends that metadata asks for this
// bundle, whatever the number of its version: it is served if it is loaded, and
// FAILED_PRECONDITION else. Codes and words of errors are TensorFlow
// Serving's; messages are cut at 1024 bytes. Thread-safe; the model and the metrics must
// outlive the services.
#pragma once

#include <string>

#include "tandem/bundle/bundle.h"
#include "tandem/serving/model_server/answer_budget.h"
#include "tandem/serving/net/grpc_metrics.h"
#include "tandem/serving/versions/manager.h"
#include "tandem/serving/wire/model_service.grpc.pb.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace tandem::model_server {

inline constexpr char kBundleMetadata[] = "tandem-bundle";

// The one model of the server: its name on the wire and its versions.
struct ServedModel {
  std::string name;
  versions::Manager<bundle::Bundle>& versions;
};

class PredictionService final : public tensorflow::serving::PredictionService::CallbackService {
 public:
  PredictionService(const ServedModel& model, net::GrpcMetrics& metrics);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const tensorflow::serving::PredictRequest* request,
                                    tensorflow::serving::PredictResponse* response) override;
  grpc::ServerUnaryReactor* GetModelMetadata(
      grpc::CallbackServerContext* context,
      const tensorflow::serving::GetModelMetadataRequest* request,
      tensorflow::serving::GetModelMetadataResponse* response) override;

 private:
  const ServedModel model_;
  net::GrpcMetrics::Method& predict_;
  net::GrpcMetrics::Method& get_metadata_;
  AnswerBudget budget_;
};

class ModelService final : public tensorflow::serving::ModelService::CallbackService {
 public:
  ModelService(const ServedModel& model, net::GrpcMetrics& metrics);

  grpc::ServerUnaryReactor* GetModelStatus(
      grpc::CallbackServerContext* context,
      const tensorflow::serving::GetModelStatusRequest* request,
      tensorflow::serving::GetModelStatusResponse* response) override;

 private:
  const ServedModel model_;
  net::GrpcMetrics::Method& get_status_;
};

}  // namespace tandem::model_server
