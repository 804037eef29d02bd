#include "tandem/serving/app/testing/fake_model_server.h"

#include <thread>

#include "tandem/base/status.h"

namespace tandem::app::testing {

namespace wire = tensorflow::serving;

class FakeModelServer::Service final : public wire::PredictionService::Service {
 public:
  grpc::Status Predict(grpc::ServerContext* context, const wire::PredictRequest* request,
                       wire::PredictResponse* response) override {
    Answers told;
    {
      MutexLock lock(mutex);
      ++calls;
      last = *request;
      const auto wanted = context->client_metadata().find("tandem-bundle");
      last_wanted = wanted == context->client_metadata().end()
                        ? std::string()
                        : std::string(wanted->second.data(), wanted->second.size());
      told = answers;
    }
    const auto until = std::chrono::steady_clock::now() + told.delay;
    while (std::chrono::steady_clock::now() < until && !context->IsCancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!told.fingerprint.empty()) {
      context->AddInitialMetadata("tandem-bundle", told.fingerprint);
    }
    tensorflow::TensorProto& output = (*response->mutable_outputs())["embedding_1"];
    output.set_dtype(tensorflow::DT_FLOAT);
    for (const float value : told.embedding) output.add_float_val(value);
    return told.error;
  }

  Mutex mutex;
  Answers answers TANDEM_GUARDED_BY(mutex);
  int calls TANDEM_GUARDED_BY(mutex) = 0;
  wire::PredictRequest last TANDEM_GUARDED_BY(mutex);
  std::string last_wanted TANDEM_GUARDED_BY(mutex);
};

FakeModelServer::FakeModelServer(int port) : service_(std::make_unique<Service>()) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

FakeModelServer::~FakeModelServer() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeModelServer::Answer(const Answers& answers) {
  MutexLock lock(service_->mutex);
  service_->answers = answers;
}

int FakeModelServer::calls() const {
  MutexLock lock(service_->mutex);
  return service_->calls;
}

wire::PredictRequest FakeModelServer::LastRequest() const {
  MutexLock lock(service_->mutex);
  return service_->last;
}

std::string FakeModelServer::LastWanted() const {
  MutexLock lock(service_->mutex);
  return service_->last_wanted;
}

}  // namespace tandem::app::testing
