// What those who run a server ask it: is it alive, is it ready, how is it?
//
//   GET /healthz   200 as long as the process answers
//   GET /readyz    200 with the version that it serves, 503 with the reason where it should get no
//                  requests
//
//   GET /metrics   the text for Prometheus
//
// A server may have the probes among its routes; all three are on a listener of their own, whose
// port is for the inside only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "tandem/base/status.h"
#include "tandem/serving/net/http_server.h"
#include "tandem/serving/net/metrics.h"
#include "tandem/serving/net/router.h"

namespace tandem::net {

// The version that is served, or why the server is not ready. Called from any thread.
using Readiness = std::function<Result<int64_t>()>;

void AddProbes(Router& router, Readiness readiness);

// Listens when it returns; errors are those of HttpServer::Start. The metrics, and what `readiness`
// looks at, must outlive the server.
Result<std::unique_ptr<HttpServer>> StartMonitoring(const HttpServerOptions& options,
                                                    const Metrics& metrics, Readiness readiness);

}  // namespace tandem::net
