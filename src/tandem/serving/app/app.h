// The recommender app: HTTP in, titles out, over the newest good version of a bundle.
//
//   GET /recommend/<user_id>?n=   recommend_handler.h
//   GET /healthz                  200 as long as the process answers
//   GET /readyz                   200 while it should get traffic, 503 from AnnounceShutdown on
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
  std::optional<RemoteEncoderOptions> model_server;  // none: users are encoded in process
  net::HttpServerOptions http = {.port = 6000};
  std::chrono::milliseconds poll_interval = std::chrono::seconds(1);
};

class App {
 public:
  // Serves when it returns. The error of the newest version where none is good, kNotFound where
  // there is none; kUnavailable where the port is taken. `env` must outlive the app. Whether the
  // model server is there is no matter: answers are marked degraded until it is.
  static Result<std::unique_ptr<App>> Start(const Env& env, const AppOptions& options);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  int port() const;
  // /readyz says 503 from now on; requests are still answered.
  void AnnounceShutdown();
  // As net::HttpServer::Drain.
  Status Drain(std::chrono::milliseconds timeout);

 private:
  class Core;
  explicit App(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::app
