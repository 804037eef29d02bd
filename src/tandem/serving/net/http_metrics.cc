#include "tandem/serving/net/http_metrics.h"

#include <utility>

#include "tandem/serving/net/failure_log.h"

namespace tandem::net {
namespace {

constexpr size_t kHttpStatusEnd = 600;
constexpr char kNoRoute[] = "none";

std::string StatusText(int http_status) { return std::to_string(http_status); }

}  // namespace

const std::vector<double>& LatencyBuckets() {
  static const std::vector<double>* const buckets = new std::vector<double>{
      0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
  return *buckets;
}

struct HttpMetrics::Families {
  explicit Families(prometheus::Registry& registry)
      : requests(prometheus::BuildCounter()
                     .Name("tandem_http_requests_total")
                     .Help("HTTP requests answered, by route and status code")
                     .Register(registry)),
        durations(prometheus::BuildHistogram()
                      .Name("tandem_http_request_duration_seconds")
                      .Help("From the whole HTTP request to its answer, by route")
                      .Register(registry)),
        in_flight(prometheus::BuildGauge()
                      .Name("tandem_http_requests_in_flight")
                      .Help("HTTP requests that wait for their answer")
                      .Register(registry)
                      .Add({})),
        refused(requests, {{"route", kNoRoute}}, kHttpStatusEnd, StatusText) {}

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Gauge& in_flight;
  CodeCounters refused;
  FailureLog failures;
};

struct HttpMetrics::Route {
  Route(Families& families, std::string route_name)
      : name(std::move(route_name)),
        requests(families.requests, {{"route", name}}, kHttpStatusEnd, StatusText),
        duration(families.durations.Add({{"route", name}}, LatencyBuckets())),
        in_flight(families.in_flight),
        failures(families.failures) {}

  void Record(const HttpResponse& response, std::chrono::steady_clock::duration time) {
    in_flight.Decrement();
    requests.Increment(response.status);
    duration.Observe(std::chrono::duration<double>(time).count());
    failures.Record(name, response);
  }

  const std::string name;
  CodeCounters requests;
  prometheus::Histogram& duration;
  prometheus::Gauge& in_flight;
  FailureLog& failures;
};

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(registry)) {}
HttpMetrics::~HttpMetrics() = default;

HttpHandler HttpMetrics::Watch(const std::string& route_name, HttpHandler handler) {
  routes_.push_back(std::make_unique<Route>(*families_, route_name));
  return [route = routes_.back().get(), handler = std::move(handler)](HttpRequest request,
                                                                      HttpResponder respond) {
    route->in_flight.Increment();
    const auto begin = std::chrono::steady_clock::now();
    const HttpResponder counted(
        [route, begin, respond = std::move(respond)](HttpResponse response) {
          route->Record(response, std::chrono::steady_clock::now() - begin);
          respond(std::move(response));
        });
    try {
      handler(std::move(request), counted);
    } catch (const std::exception& error) {
      counted(ExceptionResponse(error));
    }
  };
}

void HttpMetrics::CountRefused(const HttpResponse& response) {
  families_->refused.Increment(response.status);
  families_->failures.Record(kNoRoute, response);
}

}  // namespace tandem::net
