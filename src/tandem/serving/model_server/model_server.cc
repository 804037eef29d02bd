#include "tandem/serving/model_server/model_server.h"

#include <atomic>
#include <utility>

#include "tandem/bundle/reader.h"
#include "tandem/serving/model_server/services.h"
#include "tandem/serving/net/grpc_metrics.h"
#include "tandem/serving/net/metrics.h"
#include "tandem/serving/net/monitoring.h"
#include "tandem/serving/versions/log_observer.h"
#include "tandem/serving/versions/manager.h"
#include "tandem/serving/versions/metrics_observer.h"
#include "tandem/serving/versions/observer_list.h"

namespace tandem::model_server {

namespace {

// Both services are ready as soon as there is a version.
class HealthObserver final : public versions::Observer {
 public:
  // Before the first poll.
  void Attach(net::GrpcServer& server) {
    server_ = &server;
    Set(false);
  }
  void OnAvailable(int64_t /*version*/) override { Set(true); }
  void OnRefused(int64_t /*version*/, const Status& /*why*/) override {}
  void OnUnloaded(int64_t /*version*/) override {}
  void OnSourceError(const Status& /*why*/) override {}

 private:
  void Set(bool serving) {
    for (const char* name : {tensorflow::serving::PredictionService::service_full_name(),
                             tensorflow::serving::ModelService::service_full_name()}) {
      server_->SetServing(name, serving);
    }
  }

  net::GrpcServer* server_ = nullptr;
};

}  // namespace

class ModelServer::Core {
 public:
  Core(const Env& env, const ModelServerOptions& options)
      : metrics_(options.program_version),
        grpc_metrics_(metrics_.registry()),
        log_("model " + options.model_name),
        version_metrics_(metrics_.registry(), options.model_name,
                         [this](int64_t version) { return FingerprintOf(version); }),
        observers_({&log_, &version_metrics_, &health_}),
        versions_({.keep = 2},
                  std::make_unique<versions::DirectorySource>(env, options.model_base_path),
                  std::make_unique<versions::FunctionLoader<bundle::Bundle>>(
                      [&env](const std::string& path, int64_t /*version*/) {
                        return bundle::OpenVersion(env, path);
                      }),
                  &observers_),
        prediction_service_({options.model_name, versions_}, grpc_metrics_),
        model_service_({options.model_name, versions_}, grpc_metrics_) {}
  // What is told of versions lives longer than their polling, what is served longer than servers.
  ~Core() {
    versions_.Stop();
    monitoring_.reset();
    server_.reset();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Start(const ModelServerOptions& options) {
    TANDEM_RETURN_IF_ERROR(versions_.CheckSource());
    TANDEM_ASSIGN_OR_RETURN(
        server_, net::GrpcServer::Start(options.grpc, {&prediction_service_, &model_service_}));
    health_.Attach(*server_);
    if (options.monitoring.has_value()) {
      TANDEM_ASSIGN_OR_RETURN(monitoring_, net::StartMonitoring(*options.monitoring, metrics_,
                                                                [this] { return Readiness(); }));
    }
    versions_.Start(options.poll_interval);
    return {};
  }

  Result<int64_t> Readiness() const {
    if (leaving_) return UnavailableError("shutting down");
    return versions_.Newest();
  }
  void AnnounceShutdown() {
    leaving_ = true;
    server_->AnnounceShutdown();
  }
  void Drain(std::chrono::milliseconds timeout) {
    server_->Drain(timeout, [this] { return grpc_metrics_.has_calls(); });
  }
  bool StopLoading(std::chrono::milliseconds timeout) { return versions_.StopWithin(timeout); }
  const net::GrpcServer& server() const { return *server_; }
  const net::HttpServer* monitoring() const { return monitoring_.get(); }

 private:
  std::string FingerprintOf(int64_t version) const {
    const auto handle = versions_.Get(version);
    return handle.ok() ? (*handle)->fingerprint : std::string();
  }

  std::atomic<bool> leaving_ = false;
  net::Metrics metrics_;
  net::GrpcMetrics grpc_metrics_;
  versions::LogObserver log_;
  versions::MetricsObserver version_metrics_;
  HealthObserver health_;
  versions::ObserverList observers_;
  versions::Manager<bundle::Bundle> versions_;
  PredictionService prediction_service_;
  ModelService model_service_;
  std::unique_ptr<net::GrpcServer> server_;
  std::unique_ptr<net::HttpServer> monitoring_;
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
std::optional<int> ModelServer::monitoring_port() const {
  if (core_->monitoring() == nullptr) return std::nullopt;
  return core_->monitoring()->port();
}
Result<int64_t> ModelServer::Readiness() const { return core_->Readiness(); }
void ModelServer::AnnounceShutdown() { core_->AnnounceShutdown(); }
void ModelServer::Drain(std::chrono::milliseconds timeout) {
  core_->AnnounceShutdown();
  core_->Drain(timeout);
}
bool ModelServer::StopLoading(std::chrono::milliseconds timeout) {
  return core_->StopLoading(timeout);
}

}  // namespace tandem::model_server
