#include "tandem/serving/net/http_metrics.h"

#include <utility>

namespace tandem::net {
namespace {

constexpr size_t kHttpStatusEnd = 600;

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
        refused(requests, {{"route", "none"}}, kHttpStatusEnd, StatusText) {}

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Gauge& in_flight;
  CodeCounters refused;
};

struct HttpMetrics::Route {
  Route(Families& families, const std::string& name)
      : requests(families.requests, {{"route", name}}, kHttpStatusEnd, StatusText),
        duration(families.durations.Add({{"route", name}}, LatencyBuckets())),
        in_flight(families.in_flight) {}

  void Record(int http_status, std::chrono::steady_clock::duration time) {
    in_flight.Decrement();
    requests.Increment(http_status);
    duration.Observe(std::chrono::duration<double>(time).count());
  }

  CodeCounters requests;
  prometheus::Histogram& duration;
  prometheus::Gauge& in_flight;
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
    handler(std::move(request),
            HttpResponder([route, begin, respond = std::move(respond)](HttpResponse response) {
              route->Record(response.status, std::chrono::steady_clock::now() - begin);
              respond(std::move(response));
            }));
  };
}

void HttpMetrics::CountRefused(int http_status) { families_->refused.Increment(http_status); }

}  // namespace tandem::net
