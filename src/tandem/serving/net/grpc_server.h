// A gRPC server around services of the callback API: bounded messages, grpc.health.v1,
// reflection, connections that age (so that clients find new replicas), and a drain.
//
// The services must outlive it. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/base/thread_annotations.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace tandem::net {

struct GrpcServerOptions {
  std::string address = "0.0.0.0";
  int port = 0;  // 0: any free one, see port()
  int max_receive_bytes = 1024 * 1024;
  // Calls of one connection at once; more wait at the client.
  int max_concurrent_streams = 128;
  // For what connections read. Where it is used up, reading slows down and calls are refused.
  size_t max_memory_bytes = 32 * 1024 * 1024;
  bool reflection = true;
  std::chrono::milliseconds max_connection_age = std::chrono::minutes(30);
  std::chrono::milliseconds max_connection_age_grace = std::chrono::seconds(10);
  // A client that is silent for so long is pinged, and dropped if it does not answer.
  std::chrono::milliseconds keepalive_time = std::chrono::minutes(2);
  std::chrono::milliseconds keepalive_timeout = std::chrono::seconds(20);
};

class GrpcServer {
 public:
  // Listens and serves when it returns. The health of "" is SERVING until the end, that of others
  // unknown until SetServing. kUnavailable where the port is taken, kInvalidArgument for an address
  // that is none.
  static Result<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                   const std::vector<grpc::Service*>& services);
  // Cuts what is still in flight.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  int port() const { return port_; }
  // The health of one service by its full name: whether it should get requests.
  void SetServing(const std::string& service, bool serving) TANDEM_EXCLUDES(mutex_);
  // What SetServing named becomes NOT_SERVING for good, while requests are still answered: for the
  // time that load balancers need to notice.
  void AnnounceShutdown() TANDEM_EXCLUDES(mutex_);
  // Takes no new requests; returns when those in flight have finished, or cancels them after
  // `timeout`. Connections whose clients do not hear that they should close are cut after a
  // second without a call, as `has_calls` tells; where it is empty, not before `timeout`.
  void Drain(std::chrono::milliseconds timeout, const std::function<bool()>& has_calls = {});

 private:
  GrpcServer(std::unique_ptr<grpc::Server> server, int port);

  const std::unique_ptr<grpc::Server> server_;
  const int port_;

  Mutex mutex_;
  std::set<std::string> named_ TANDEM_GUARDED_BY(mutex_);
  bool leaving_ TANDEM_GUARDED_BY(mutex_) = false;
};

}  // namespace tandem::net
