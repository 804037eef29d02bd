#include "tandem/serving/app/app.h"

#include <atomic>
#include <utility>

#include "tandem/bundle/reader.h"
#include "tandem/serving/app/recommend_handler.h"
#include "tandem/serving/net/monitoring.h"
#include "tandem/serving/net/router.h"
#include "tandem/serving/versions/log_observer.h"
#include "tandem/serving/versions/manager.h"

namespace tandem::app {
namespace {

std::unique_ptr<recommend::QueryEncoder> MakeEncoder(const AppOptions& options) {
  if (!options.model_server.has_value()) return std::make_unique<recommend::InProcessEncoder>();
  return std::make_unique<RemoteEncoder>(*options.model_server);
}

}  // namespace

class App::Core {
 public:
  Core(const Env& env, const AppOptions& options)
      : observer_("bundle " + options.bundle),
        versions_({.keep = 1}, std::make_unique<versions::DirectorySource>(env, options.bundle),
                  std::make_unique<versions::FunctionLoader<bundle::Bundle>>(
                      [&env](const std::string& path, int64_t /*version*/) {
                        return bundle::OpenVersion(env, path);
                      }),
                  &observer_),
        encoder_(MakeEncoder(options)) {
    router_.Add("GET", "/recommend/{user_id}", RecommendHandler(versions_, *encoder_));
    net::AddProbes(router_, [this] { return Readiness(); });
  }
  // What is told of versions lives longer than their polling, what is served longer than servers.
  ~Core() {
    versions_.Stop();
    monitoring_.reset();
    server_.reset();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Start(const AppOptions& options) {
    TANDEM_RETURN_IF_ERROR(versions_.CheckSource());
    TANDEM_ASSIGN_OR_RETURN(
        server_, net::HttpServer::Start(options.http, [this](net::HttpRequest request,
                                                             const net::HttpResponder& respond) {
          router_.Handle(std::move(request), respond);
        }));
    if (options.monitoring.has_value()) {
      TANDEM_ASSIGN_OR_RETURN(
          monitoring_, net::StartMonitoring(*options.monitoring, [this] { return Readiness(); }));
    }
    versions_.Start(options.poll_interval);
    return {};
  }

  Result<int64_t> Readiness() const {
    if (leaving_) return UnavailableError("shutting down");
    return versions_.Newest();
  }
  void AnnounceShutdown() { leaving_ = true; }
  net::HttpServer& server() { return *server_; }
  const net::HttpServer& server() const { return *server_; }
  const net::HttpServer* monitoring() const { return monitoring_.get(); }

 private:
  std::atomic<bool> leaving_ = false;
  versions::LogObserver observer_;
  versions::Manager<bundle::Bundle> versions_;
  net::Router router_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::HttpServer> monitoring_;
  std::unique_ptr<recommend::QueryEncoder> encoder_;
};

Result<std::unique_ptr<App>> App::Start(const Env& env, const AppOptions& options) {
  auto core = std::make_unique<Core>(env, options);
  TANDEM_RETURN_IF_ERROR(core->Start(options));
  return std::unique_ptr<App>(new App(std::move(core)));
}

App::App(std::unique_ptr<Core> core) : core_(std::move(core)) {}
App::~App() = default;

int App::port() const { return core_->server().port(); }
std::optional<int> App::monitoring_port() const {
  if (core_->monitoring() == nullptr) return std::nullopt;
  return core_->monitoring()->port();
}
Result<int64_t> App::Readiness() const { return core_->Readiness(); }
void App::AnnounceShutdown() { core_->AnnounceShutdown(); }
Status App::Drain(std::chrono::milliseconds timeout) { return core_->server().Drain(timeout); }

}  // namespace tandem::app
