// The model server: one model's newest good versions behind TensorFlow Serving's gRPC services,
// with health and reflection. The health of "" says that the process is alive, that of the two
// services whether it is ready.
//
// New version directories are loaded beside what serves, their golden samples replayed, then
// swapped in; a bad one is refused and the others serve on. Two versions stay loaded, so that an
// app that still has the one before is answered in its own embedding space. Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/serving/net/grpc_server.h"
#include "tandem/serving/net/http_server.h"

namespace tandem::model_server {

struct ModelServerOptions {
  std::string model_name = "user_model";
  std::string model_base_path;
  std::string program_version;  // for the metrics
  net::GrpcServerOptions grpc = {.port = 8500};
  std::optional<net::HttpServerOptions> monitoring;  // none: no such listener
  std::chrono::milliseconds poll_interval = std::chrono::seconds(1);
};

class ModelServer {
 public:
  // Listens when it returns; versions are loaded beside. The error of the base path where it
  // cannot be listed; kUnavailable where a port is taken. `env` must outlive the server.
  static Result<std::unique_ptr<ModelServer>> Start(const Env& env,
                                                    const ModelServerOptions& options);
  ~ModelServer();
  ModelServer(const ModelServer&) = delete;
  ModelServer& operator=(const ModelServer&) = delete;

  int port() const;
  // Nothing without that listener.
  std::optional<int> monitoring_port() const;
  // The newest version that is served, or why requests should go elsewhere: the base path holds no
  // good version yet, or the server is shutting down.
  Result<int64_t> Readiness() const;
  // Not ready any more, for good; requests are still answered.
  void AnnounceShutdown();
  // Takes no new requests; returns when those in flight have finished, or were cancelled after
  // `timeout`.
  void Drain(std::chrono::milliseconds timeout);
  // Ends the look for new versions. False where one is being loaded for longer than `timeout`:
  // that cannot be interrupted, and the destructor would wait for it.
  bool StopLoading(std::chrono::milliseconds timeout);

 private:
  class Core;
  explicit ModelServer(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::model_server
