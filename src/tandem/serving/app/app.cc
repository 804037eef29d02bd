#include "tandem/serving/app/app.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "tandem/base/log.h"
#include "tandem/bundle/reader.h"
#include "tandem/serving/app/recommend_handler.h"
#include "tandem/serving/net/http_metrics.h"
#include "tandem/serving/net/metrics.h"
#include "tandem/serving/net/monitoring.h"
#include "tandem/serving/net/router.h"
#include "tandem/serving/versions/log_observer.h"
#include "tandem/serving/versions/manager.h"
#include "tandem/serving/versions/metrics_observer.h"
#include "tandem/serving/versions/observer_list.h"

namespace tandem::app {
class App::Core {
 public:
  Core(const Env& env, const AppOptions& options)
      : metrics_(options.program_version),
        http_metrics_(metrics_.registry()),
        log_("bundle " + options.bundle),
        version_metrics_(metrics_.registry(), options.model_name,
                         [this](int64_t version) { return FingerprintOf(version); }),
        observers_({&log_, &version_metrics_}),
        versions_({.keep = 1}, std::make_unique<versions::DirectorySource>(env, options.bundle),
                  std::make_unique<versions::FunctionLoader<bundle::Bundle>>(
                      [this, &env](const std::string& path, int64_t /*version*/) {
                        return Load(env, path);
                      }),
                  &observers_),
        router_([this](const net::HttpResponse& answer) { http_metrics_.CountRefused(answer); }),
        patience_(options.patience),
        first_answer_(options.first_answer) {}
  // What is told of versions lives longer than their polling, what is served longer than servers.
  ~Core() {
    stopping_ = true;
    versions_.Stop();
    monitoring_.reset();
    server_.reset();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Start(const AppOptions& options) {
    TANDEM_RETURN_IF_ERROR(versions_.CheckSource());
    TANDEM_RETURN_IF_ERROR(MakeEncoder(options.model_server));
    AddRoutes();
    net::HttpServerOptions http = options.http;
    http.on_refused = [this](const net::HttpResponse& answer) {
      http_metrics_.CountRefused(answer);
    };
    TANDEM_ASSIGN_OR_RETURN(
        server_, net::HttpServer::Start(
                     http, [this](net::HttpRequest request, const net::HttpResponder& respond) {
                       router_.Handle(std::move(request), respond);
                     }));
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
  bool StopLoading(std::chrono::milliseconds timeout) {
    stopping_ = true;
    return versions_.StopWithin(timeout);
  }
  net::HttpServer& server() { return *server_; }
  const net::HttpServer& server() const { return *server_; }
  const net::HttpServer* monitoring() const { return monitoring_.get(); }

 private:
  Status MakeEncoder(const std::optional<RemoteEncoderOptions>& model_server) {
    if (model_server.has_value()) {
      TANDEM_ASSIGN_OR_RETURN(remote_, RemoteEncoder::Create(*model_server, metrics_.registry()));
    }
    return {};
  }
  void AddRoutes() {
    constexpr char kRecommend[] = "/recommend/{user_id}";
    recommend::QueryEncoder& encoder = remote_ != nullptr
                                           ? static_cast<recommend::QueryEncoder&>(*remote_)
                                           : static_cast<recommend::QueryEncoder&>(in_process_);
    const RecommendationCounters counters(metrics_.registry(), remote_ != nullptr);
    router_.Add("GET", kRecommend,
                http_metrics_.Watch(kRecommend, RecommendHandler(versions_, encoder, counters)));
    net::AddProbes(router_, [this] { return Readiness(); });
  }

  Result<std::shared_ptr<const bundle::Bundle>> Load(const Env& env, const std::string& path) {
    auto bundle = bundle::OpenVersion(env, path);
    if (bundle.ok() && remote_ != nullptr) AwaitModelServer(*bundle);
    return bundle;
  }
  // Both servers look for versions by themselves. The app goes second, so that it is not the only
  // one to have the new one; not for ever, and not where no model server answers anyway.
  void AwaitModelServer(const std::shared_ptr<const bundle::Bundle>& next) {
    using Presence = RemoteEncoder::Presence;
    const auto begin = std::chrono::steady_clock::now();
    const auto now = versions_.Get();
    if (now.ok() && remote_->Find(now->Share()) != Presence::kServed) return;
    bool others_answer = now.ok();
    for (bool told = false; !stopping_;) {
      const Presence found = remote_->Find(next);
      if (found == Presence::kServed) return;
      others_answer |= found == Presence::kOtherBundle;
      const auto patience = others_answer ? patience_ : std::min(first_answer_, patience_);
      if (std::chrono::steady_clock::now() - begin >= patience) return;
      if (others_answer && !std::exchange(told, true)) {
        Log(LogLevel::kInfo,
            StrCat("version ", next->version, " waits for a model server that has it, ",
                   patience.count(), " ms at most"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  std::string FingerprintOf(int64_t version) const {
    const auto handle = versions_.Get(version);
    return handle.ok() ? (*handle)->fingerprint : std::string();
  }

  std::atomic<bool> leaving_ = false;
  std::atomic<bool> stopping_ = false;
  net::Metrics metrics_;
  net::HttpMetrics http_metrics_;
  versions::LogObserver log_;
  versions::MetricsObserver version_metrics_;
  versions::ObserverList observers_;
  versions::Manager<bundle::Bundle> versions_;
  net::Router router_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::HttpServer> monitoring_;
  const std::chrono::milliseconds patience_;
  const std::chrono::milliseconds first_answer_;
  recommend::InProcessEncoder in_process_;
  std::unique_ptr<RemoteEncoder> remote_;  // none: in process
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
bool App::StopLoading(std::chrono::milliseconds timeout) { return core_->StopLoading(timeout); }
Status App::Drain(std::chrono::milliseconds timeout) { return core_->server().Drain(timeout); }

}  // namespace tandem::app
