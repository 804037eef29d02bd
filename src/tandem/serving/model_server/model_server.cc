#include "tandem/serving/model_server/model_server.h"

#include <utility>

#include "tandem/bundle/reader.h"
#include "tandem/serving/model_server/services.h"
#include "tandem/serving/versions/log_observer.h"
#include "tandem/serving/versions/manager.h"

namespace tandem::model_server {

class ModelServer::Core {
 public:
  Core(const Env& env, const ModelServerOptions& options)
      : observer_("model " + options.model_name),
        versions_({.keep = 2},
                  std::make_unique<versions::DirectorySource>(env, options.model_base_path),
                  std::make_unique<versions::FunctionLoader<bundle::Bundle>>(
                      [&env](const std::string& path, int64_t /*version*/) {
                        return bundle::OpenVersion(env, path);
                      }),
                  &observer_),
        prediction_service_({options.model_name, versions_}),
        model_service_({options.model_name, versions_}) {}

  Status Start(const ModelServerOptions& options) {
    TANDEM_RETURN_IF_ERROR(versions_.PollForFirst());
    TANDEM_ASSIGN_OR_RETURN(
        server_, net::GrpcServer::Start(options.grpc, {&prediction_service_, &model_service_}));
    for (const char* name : {tensorflow::serving::PredictionService::service_full_name(),
                             tensorflow::serving::ModelService::service_full_name()}) {
      server_->SetServing(name, true);
    }
    versions_.Start(options.poll_interval);
    return {};
  }

  net::GrpcServer& server() { return *server_; }
  const net::GrpcServer& server() const { return *server_; }

 private:
  versions::LogObserver observer_;
  versions::Manager<bundle::Bundle> versions_;
  PredictionService prediction_service_;
  ModelService model_service_;
  std::unique_ptr<net::GrpcServer> server_;  // last: it ends before what it calls
};

Result<std::unique_ptr<ModelServer>> ModelServer::Start(const Env& env,
                                                        const ModelServerOptions& options) {
  auto core = std::make_unique<Core>(env, options);
  TANDEM_RETURN_IF_ERROR(core->Start(options));
  return std::unique_ptr<ModelServer>(new ModelServer(std::move(core)));
}

ModelServer::ModelServer(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ModelServer::~ModelServer() = default;

int ModelServer::port() const { return core_->server().port(); }
void ModelServer::AnnounceShutdown() { core_->server().AnnounceShutdown(); }
void ModelServer::Drain(std::chrono::milliseconds timeout) { core_->server().Drain(timeout); }

}  // namespace tandem::model_server
