// The recommender app: HTTP in, titles out, over the newest good version of a bundle.
//
//   GET /recommend/<user_id>?n=   recommend_handler.h
//   GET /healthz, /readyz         net/monitoring.h
//
// Errors are JSON. The user's embedding comes from a model server, or from the bundle in this
// process where none is named. New version directories are swapped in as in the model server.
// Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/serving/app/remote_encoder.h"
#include "tandem/serving/net/http_server.h"

namespace tandem::app {

struct AppOptions {
  std::string bundle;                                // a base path, or one version's directory
  std::string model_name = "user_model";             // in the metrics
  std::string program_version;                       // in the metrics
  std::optional<RemoteEncoderOptions> model_server;  // none: users are encoded in process
  net::HttpServerOptions http = {.port = 6000};
  std::optional<net::HttpServerOptions> monitoring;  // none: no listener of its own for probes
  std::chrono::milliseconds poll_interval = std::chrono::seconds(1);
  // A version waits so long, and the time of a call, for a model server that serves it too, before
  // it takes over from one that is served, and at the start where those that answer have other
  // bundles: one that has it may just have come up, and other apps are whole meanwhile.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
  // And so long at the start while none answers at all: a pod's network may come up with it.
  std::chrono::milliseconds first_answer = std::chrono::seconds(1);
};

class App {
 public:
  // Listens when it returns; versions are loaded beside. The error of the base path where it
  // cannot be listed; kUnavailable where a port is taken. `env` must outlive the app. Whether the
  // model server is there is no matter: answers are marked degraded until it is.
  static Result<std::unique_ptr<App>> Start(const Env& env, const AppOptions& options);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  int port() const;
  // Nothing without that listener.
  std::optional<int> monitoring_port() const;
  // The version that is served, or why requests should go elsewhere: there is no good version yet,
  // or the app is shutting down.
  Result<int64_t> Readiness() const;
  // Not ready any more, for good; requests are still answered.
  void AnnounceShutdown();
  // As net::HttpServer::Drain.
  Status Drain(std::chrono::milliseconds timeout);
  // Ends the look for new versions. False where one is being loaded for longer than `timeout`:
  // that cannot be interrupted, and the destructor would wait for it.
  bool StopLoading(std::chrono::milliseconds timeout);

 private:
  class Core;
  explicit App(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::app
