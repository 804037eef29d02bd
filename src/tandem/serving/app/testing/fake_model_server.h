// A PredictionService on loopback that counts its calls and answers as it is told, for tests.
// Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tandem/base/thread_annotations.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace tandem::app::testing {

class FakeModelServer {
 public:
  struct Answers {
    std::string fingerprint;                                         // empty: no metadata
    std::vector<float> embedding;                                    // of output "embedding_1"
    std::chrono::milliseconds delay = std::chrono::milliseconds(0);  // cut short by a cancel
    grpc::Status error = grpc::Status::OK;
  };

  explicit FakeModelServer(int port = 0);
  ~FakeModelServer();

  int port() const { return port_; }
  void Answer(const Answers& answers);
  int calls() const;
  tensorflow::serving::PredictRequest LastRequest() const;
  // The metadata "tandem-bundle" of the last request.
  std::string LastWanted() const;

 private:
  class Service;

  const std::unique_ptr<Service> service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tandem::app::testing
