// The QueryEncoder that asks the replicas of a model server: Predict of TensorFlow Serving's
// protocol, one RPC a request.
//
// The request names the version and, as metadata "tandem-bundle", the fingerprint of the bundle at
// hand, and the answer is taken only with that fingerprint in its initial metadata: an embedding
// of another space is worse than none. A call that fails, or finds another bundle, is made again on
// another replica within the same deadline; one that hears nothing for a part of it is joined by
// a second one elsewhere, and the first good answer counts. Where nobody has one, the bundle's own
// embedding answers, marked degraded; the log is told when that begins and when it ends. Replicas
// that fail are left alone (model_replicas.h): while all are away, requests do not wait for them.
// `done` is called on a thread of gRPC or of the encoder, or at once on the caller's. Thread-safe;
// the destructor waits for the calls under way, `timeout` at most.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "tandem/base/status.h"
#include "tandem/recommend/query_encoder.h"
#include "tandem/serving/app/address_watch.h"
#include "tandem/serving/app/model_replicas.h"

namespace tandem::app {

struct RemoteEncoderOptions {
  std::string target;  // "host:8500": each address of the host is a replica
  std::string model_name = "user_model";
  std::chrono::milliseconds timeout = std::chrono::milliseconds(250);
  std::chrono::milliseconds pause = std::chrono::seconds(1);
  std::chrono::milliseconds resolve_interval = std::chrono::seconds(2);
  Resolver resolve;  // empty: the system's, of the target
  // For tests: called between the choice of a replica and its call; may be empty.
  std::function<void()> before_call;
};

class RemoteEncoder final : public recommend::QueryEncoder {
 public:
  static constexpr int kFailuresBeforePause = ModelReplicas::kFailuresBeforePause;

  // Whether the servers are there is no matter. kInvalidArgument for a target that is no host and
  // port. Its metrics (tandem_model_server_calls_total{code}, _retries_total, _replicas) go into
  // the registry, which must outlive it.
  static Result<std::unique_ptr<RemoteEncoder>> Create(const RemoteEncoderOptions& options,
                                                       prometheus::Registry& registry);
  ~RemoteEncoder() override;

  void Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
              Done done) override;
  // Whether some replica serves this bundle, or those that answer have others only; asks now.
  // kNoAnswer also where they were asked for this bundle a moment ago.
  // Blocks for `timeout` at most.
  enum class Presence { kServed, kOtherBundle, kNoAnswer };
  Presence Find(std::shared_ptr<const bundle::Bundle> bundle);

 private:
  class Core;
  explicit RemoteEncoder(std::unique_ptr<Core> core);

  const std::unique_ptr<Core> core_;
};

}  // namespace tandem::app
