#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include "tandem/base/log.h"
#include "tandem/base/parallel.h"
#include "tandem/cli/verbs.h"
#include "tandem/cli/version.h"
#include "tandem/serving/app/app.h"
#include "tandem/serving/model_server/model_server.h"
#include "tandem/serving/net/signal.h"

namespace tandem::cli {
namespace {

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Serves until SIGTERM or SIGINT: says so to whoever balances the load, waits until they know,
// and lets what is in flight finish. A second signal during the wait ends the wait.
template <typename Server>
void ServeUntilStopped(const net::StopSignals& signals, const ServingOptions& options,
                       Server& server) {
  signals.Wait();
  Log(LogLevel::kInfo, "stopping: new requests are still answered while the word spreads");
  server.AnnounceShutdown();
  if (options.shutdown_delay_seconds > 0) {
    signals.WaitFor(Milliseconds(options.shutdown_delay_seconds));
  }
}

std::optional<net::HttpServerOptions> MonitoringOf(const ServingOptions& options) {
  if (!options.metrics_port.has_value()) return std::nullopt;
  net::HttpServerOptions monitoring;
  monitoring.address = options.address;
  monitoring.port = *options.metrics_port;
  return monitoring;
}

std::string MonitoringAt(const ServingOptions& options, std::optional<int> port) {
  return port.has_value() ? StrCat(", metrics on ", options.address, ':', *port) : "";
}

// A load can take minutes and cannot be interrupted; nobody waits for it any more.
template <typename Server>
void EndWithoutLoad(Server& server, std::ostream& out) {
  if (server.StopLoading(std::chrono::milliseconds(100))) return;
  Log(LogLevel::kInfo, "stopped while a version was being loaded");
  out.flush();
  std::_Exit(EXIT_SUCCESS);
}

// The first line of a server: where it is.
void Announce(const ServingOptions& options, const std::string& line, std::ostream& out) {
  if (options.log_format == LogFormat::kJson) {
    Log(LogLevel::kInfo, line);
  } else {
    out << line << std::endl;
  }
}

}  // namespace

Status ServeModel(Env& env, const ServeModelOptions& options, std::ostream& out) {
  const net::StopSignals signals;  // before any thread
  model_server::ModelServerOptions server_options;
  server_options.model_name = options.model_name;
  server_options.model_base_path = options.model_base_path;
  server_options.program_version = kVersion;
  server_options.grpc.address = options.serving.address;
  server_options.grpc.port = options.port;
  server_options.grpc.max_connection_age = Milliseconds(options.max_connection_age_seconds);
  server_options.monitoring = MonitoringOf(options.serving);
  server_options.poll_interval = Milliseconds(options.serving.poll_seconds);
  TANDEM_ASSIGN_OR_RETURN(const auto server, model_server::ModelServer::Start(env, server_options));
  Announce(options.serving,
           StrCat("model server: ", options.model_name, " on gRPC ", options.serving.address, ':',
                  server->port(), MonitoringAt(options.serving, server->monitoring_port())),
           out);
  ServeUntilStopped(signals, options.serving, *server);
  server->Drain(Milliseconds(options.serving.drain_timeout_seconds));
  EndWithoutLoad(*server, out);
  return {};
}

Status ServeApp(Env& env, const ServeAppOptions& options, std::ostream& out) {
  const net::StopSignals signals;  // before any thread
  app::AppOptions app_options;
  app_options.bundle = options.bundle;
  app_options.model_name = options.model_name;
  app_options.program_version = kVersion;
  if (!options.model_server.empty()) {
    app_options.model_server = app::RemoteEncoderOptions{
        .target = options.model_server,
        .model_name = options.model_name,
        .timeout = Milliseconds(options.model_server_timeout_seconds),
    };
  }
  app_options.http.address = options.serving.address;
  app_options.http.port = options.port;
  app_options.http.threads =
      options.threads > 0 ? options.threads : static_cast<int>(AvailableProcessors());
  app_options.monitoring = MonitoringOf(options.serving);
  app_options.poll_interval = Milliseconds(options.serving.poll_seconds);
  TANDEM_ASSIGN_OR_RETURN(const auto server, app::App::Start(env, app_options));
  Announce(options.serving,
           StrCat("recommender app: HTTP ", options.serving.address, ':', server->port(),
                  ", users encoded ",
                  options.model_server.empty() ? "in process" : "by " + options.model_server,
                  MonitoringAt(options.serving, server->monitoring_port())),
           out);
  ServeUntilStopped(signals, options.serving, *server);
  const Status drained = server->Drain(Milliseconds(options.serving.drain_timeout_seconds));
  if (!drained.ok()) Log(LogLevel::kWarning, drained.message());
  EndWithoutLoad(*server, out);
  return {};
}

}  // namespace tandem::cli
