// Counts and times the requests of an HTTP server, by route:
//
//   tandem_http_requests_total{route,code}        answers; route "none" where no watched handler
//                                                 made them: nothing at that path, no HTTP,
//                                                 the server's own 503, 500 for what threw
//                                                 outside Watch
//   tandem_http_request_duration_seconds{route}   from the whole request to its answer
//   tandem_http_requests_in_flight
//
// And tells the log of those that it answered with 5xx (failure_log.h).
// Thread-safe after the routes are added. The registry must outlive it, and it every answer.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tandem/serving/net/code_counters.h"
#include "tandem/serving/net/http.h"

namespace tandem::net {

// Bounds in seconds, from a quarter of a millisecond to a few seconds.
const std::vector<double>& LatencyBuckets();

class HttpMetrics {
 public:
  explicit HttpMetrics(prometheus::Registry& registry);
  ~HttpMetrics();
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;

  // The handler, with its requests counted as those of `route`, a pattern of the router.
  HttpHandler Watch(const std::string& route, HttpHandler handler);
  // An answer that no handler made: nothing at that path, no HTTP at all.
  void CountRefused(const HttpResponse& response);

 private:
  struct Route;
  struct Families;
  const std::unique_ptr<Families> families_;
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace tandem::net
