#include "tandem/serving/net/grpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <future>
#include <limits>
#include <thread>
#include <utility>

#include "tandem/serving/net/grpc_process.h"
#include "tandem/serving/net/listen.h"

namespace tandem::net {
namespace {

// A client that lives answers the word that the server ends at once.
constexpr std::chrono::seconds kLinger(1);

int Milliseconds(std::chrono::milliseconds time) {
  return static_cast<int>(std::clamp<int64_t>(time.count(), 1, std::numeric_limits<int>::max()));
}

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options,
                                                      const std::vector<grpc::Service*>& services) {
  TANDEM_RETURN_IF_ERROR(CheckCanListen(options.address, options.port));
  SetUpGrpcProcess();
  grpc::EnableDefaultHealthCheckService(true);
  if (options.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  const bool v6 = options.address.find(':') != std::string::npos;
  int port = 0;
  builder.AddListeningPort(StrCat(v6 ? "[" : "", options.address, v6 ? "]:" : ":", options.port),
                           grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(options.max_receive_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  grpc::ResourceQuota quota("tandem");
  builder.SetResourceQuota(quota.Resize(options.max_memory_bytes));
  // Two servers on one port would each get a part of the requests.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             Milliseconds(options.max_connection_age));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(options.max_connection_age_grace));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Milliseconds(options.keepalive_timeout));
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return UnavailableError("cannot serve gRPC on ", options.address, ":", options.port);
  }
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(server), port));
}

GrpcServer::GrpcServer(std::unique_ptr<grpc::Server> server, int port)
    : server_(std::move(server)), port_(port) {}

GrpcServer::~GrpcServer() { Drain(std::chrono::milliseconds(0)); }

void GrpcServer::SetServing(const std::string& service, bool serving) {
  auto* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  MutexLock lock(mutex_);
  named_.insert(service);
  health->SetServingStatus(service, serving && !leaving_);
}

void GrpcServer::AnnounceShutdown() {
  auto* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  MutexLock lock(mutex_);
  leaving_ = true;
  for (const std::string& service : named_) health->SetServingStatus(service, false);
}

void GrpcServer::Drain(std::chrono::milliseconds timeout, const std::function<bool()>& has_calls) {
  AnnounceShutdown();
  std::promise<void> ended;
  std::thread shutdown([&] {
    server_->Shutdown(std::chrono::system_clock::now() + timeout);
    ended.set_value();
  });
  const std::future<void> end = ended.get_future();
  while (end.wait_for(kLinger) == std::future_status::timeout) {
    if (has_calls && !has_calls()) grpc_server_cancel_all_calls(server_->c_server());
  }
  shutdown.join();
}

}  // namespace tandem::net
