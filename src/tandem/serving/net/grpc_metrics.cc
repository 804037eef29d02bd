#include "tandem/serving/net/grpc_metrics.h"

#include "tandem/serving/net/http_metrics.h"

namespace tandem::net {
namespace {

constexpr size_t kCodeEnd = 17;  // OK to UNAUTHENTICATED

std::string CodeText(int code) {
  return std::string(StatusCodeName(static_cast<StatusCode>(code)));
}

}  // namespace

struct GrpcMetrics::Families {
  explicit Families(prometheus::Registry& registry)
      : requests(prometheus::BuildCounter()
                     .Name("tandem_grpc_requests_total")
                     .Help("gRPC calls answered, by method and code")
                     .Register(registry)),
        durations(prometheus::BuildHistogram()
                      .Name("tandem_grpc_request_duration_seconds")
                      .Help("From the parsed gRPC request to its answer, by method")
                      .Register(registry)),
        in_flight(prometheus::BuildGauge()
                      .Name("tandem_grpc_requests_in_flight")
                      .Help("gRPC calls that wait for their answer")
                      .Register(registry)
                      .Add({})) {}

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& durations;
  prometheus::Gauge& in_flight;
};

class GrpcMetrics::Method {
 public:
  Method(Families& families, const std::string& name)
      : requests(families.requests, {{"method", name}}, kCodeEnd, CodeText),
        duration(families.durations.Add({{"method", name}}, LatencyBuckets())),
        in_flight(families.in_flight) {}

  CodeCounters requests;
  prometheus::Histogram& duration;
  prometheus::Gauge& in_flight;
};

GrpcMetrics::GrpcMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(registry)) {}
GrpcMetrics::~GrpcMetrics() = default;

GrpcMetrics::Method& GrpcMetrics::AddMethod(const std::string& name) {
  methods_.push_back(std::make_unique<Method>(*families_, name));
  return *methods_.back();
}

bool GrpcMetrics::has_calls() const { return families_->in_flight.Value() > 0; }

GrpcCall::GrpcCall(GrpcMetrics::Method& method)
    : method_(method), begin_(std::chrono::steady_clock::now()) {
  method_.in_flight.Increment();
}

void GrpcCall::Finish(StatusCode code) const {
  method_.in_flight.Decrement();
  method_.requests.Increment(static_cast<int>(code));
  const auto time = std::chrono::steady_clock::now() - begin_;
  method_.duration.Observe(std::chrono::duration<double>(time).count());
}

}  // namespace tandem::net
