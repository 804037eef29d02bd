// Counts and times the calls of a gRPC server, by method:
//
//   tandem_grpc_requests_total{method,code}
//   tandem_grpc_request_duration_seconds{method}   from the parsed request to its answer
//   tandem_grpc_requests_in_flight
//
// What gRPC refuses by itself (an unknown method, a message over the limit) does not come here.
// Thread-safe after the methods are added; the registry must outlive it.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/serving/net/code_counters.h"

namespace tandem::net {

class GrpcMetrics {
 public:
  class Method;

  explicit GrpcMetrics(prometheus::Registry& registry);
  ~GrpcMetrics();
  GrpcMetrics(const GrpcMetrics&) = delete;
  GrpcMetrics& operator=(const GrpcMetrics&) = delete;

  // By its full name, "tensorflow.serving.PredictionService/Predict"; lives as long as this.
  Method& AddMethod(const std::string& name);
  bool has_calls() const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
  std::vector<std::unique_ptr<Method>> methods_;
};

// One call, from its construction to Finish, which must be called once.
class GrpcCall {
 public:
  explicit GrpcCall(GrpcMetrics::Method& method);
  void Finish(StatusCode code) const;

 private:
  GrpcMetrics::Method& method_;
  const std::chrono::steady_clock::time_point begin_;
};

}  // namespace tandem::net
