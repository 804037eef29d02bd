// The QueryEncoder that asks a model server: Predict of TensorFlow Serving's protocol, one RPC a
// request, over one long-lived channel that spreads its calls over all addresses of the name.
//
// The request names the version of the bundle at hand, and the answer is taken only with that
// bundle's fingerprint in its initial metadata "tandem-bundle": an embedding of another space is
// worse than none. Whatever else comes (an error, silence for `timeout`, another shape), the
// bundle's own embedding answers, marked degraded. After kFailuresBeforePause failures in a row the
// server is left alone for `pause`, then asked by one request: while it is away or hangs, requests
// do not wait for it. The log is told when that begins and when it ends. `done` is called on a
// thread of gRPC, or at once on the caller's. Thread-safe; the destructor waits for the calls under
// way, `timeout` at most.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tandem/recommend/query_encoder.h"

namespace tandem::app {

struct RemoteEncoderOptions {
  std::string target;  // "host:8500", or any name of gRPC ("dns:///model:8500", "unix:...")
  std::string model_name = "user_model";
  std::chrono::milliseconds timeout = std::chrono::milliseconds(250);
  std::chrono::milliseconds pause = std::chrono::seconds(1);
};

class RemoteEncoder final : public recommend::QueryEncoder {
 public:
  static constexpr int kFailuresBeforePause = 5;

  explicit RemoteEncoder(const RemoteEncoderOptions& options);
  ~RemoteEncoder() override;

  void Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
              Done done) override;

 private:
  class Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::app
