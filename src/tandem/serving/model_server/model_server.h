// The model server: one model's newest good versions behind TensorFlow Serving's gRPC services,
// with health and reflection.
//
// New version directories are loaded beside what serves, their golden samples replayed, then
// swapped in; a bad one is refused and the others serve on. Two versions stay loaded, so that an
// app that still has the one before is answered in its own embedding space. Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/serving/net/grpc_server.h"

namespace tandem::model_server {

struct ModelServerOptions {
  std::string model_name = "user_model";
  std::string model_base_path;
  net::GrpcServerOptions grpc = {.port = 8500};
  std::chrono::milliseconds poll_interval = std::chrono::seconds(1);
};

class ModelServer {
 public:
  // Serves when it returns. The error of the newest version where none is good, kNotFound where
  // there is none; kUnavailable where the port is taken. `env` must outlive the server.
  static Result<std::unique_ptr<ModelServer>> Start(const Env& env,
                                                    const ModelServerOptions& options);
  ~ModelServer();
  ModelServer(const ModelServer&) = delete;
  ModelServer& operator=(const ModelServer&) = delete;

  int port() const;
  // Health becomes NOT_SERVING, for good; requests are still answered.
  void AnnounceShutdown();
  // Takes no new requests; returns when those in flight have finished, or were cancelled after
  // `timeout`.
  void Drain(std::chrono::milliseconds timeout);

 private:
  class Core;
  explicit ModelServer(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::model_server
