#include "tandem/serving/net/monitoring.h"

#include <utility>

#include "tandem/serving/net/failure_log.h"

namespace tandem::net {

void AddProbes(Router& router, Readiness readiness) {
  router.Add("GET", "/healthz", [](const HttpRequest&, const HttpResponder& respond) {
    respond({.body = "{\"status\":\"ok\"}\n"});
  });
  router.Add(
      "GET", "/readyz",
      [readiness = std::move(readiness)](const HttpRequest&, const HttpResponder& respond) {
        const Result<int64_t> version = readiness();
        if (!version.ok()) return respond(ErrorResponse(503, version.status().message()));
        respond({.body = StrCat("{\"status\":\"ready\",\"model_version\":", *version, "}\n")});
      });
}

Result<std::unique_ptr<HttpServer>> StartMonitoring(const HttpServerOptions& options,
                                                    const Metrics& metrics, Readiness readiness) {
  const auto router = std::make_shared<Router>();
  router->Add("GET", "/metrics", [&metrics](const HttpRequest&, const HttpResponder& respond) {
    respond({.content_type = Metrics::kContentType, .body = metrics.Text()});
  });
  AddProbes(*router, std::move(readiness));
  HttpServerOptions logged = options;
  logged.on_refused = [log = std::make_shared<FailureLog>()](const HttpResponse& response) {
    log->Record("monitoring", response);
  };
  return HttpServer::Start(logged, [router](HttpRequest request, const HttpResponder& respond) {
    router->Handle(std::move(request), respond);
  });
}

}  // namespace tandem::net
