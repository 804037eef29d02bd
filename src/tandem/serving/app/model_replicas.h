// The replicas of a model server: which there are, which bundles each holds, how each fares, and
// which one to ask next.
//
// Each address has a channel of its own, so that load is spread over what is there at once and a
// second try goes elsewhere for sure. Replicas that are connected, well, and hold the wanted
// bundle, or may hold it, are asked in turn. One that failed is left alone for a while, then
// tried by a single request; so is one that has another bundle. While nothing better is there, one
// that is still connecting, or has failed only a few times in a row, is asked. Thread-safe.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/thread_annotations.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace tandem::app {

class ModelReplicas {
 public:
  // So many failures in a row, and it is asked by trials only.
  static constexpr int kFailuresBeforePause = 5;

  class Replica;
  using ReplicaPtr = std::shared_ptr<Replica>;
  using Tried = std::vector<ReplicaPtr>;
  using Time = std::chrono::steady_clock::time_point;

  // How a call ended.
  enum class Outcome {
    kServed,
    kOtherBundle,  // it does not hold the wanted one
    kUnreachable,  // it did nothing; another may be asked at once
    kFailed,       // or was silent
  };
  // Who may be asked: anyone that is not hopeless; for a second try, the most promising; while the
  // first call may still be answered, only one that is well.
  enum class For { kFirstTry, kRetry, kHedge };

  // After a failure other than kUnreachable a replica is left alone for `pause`.
  explicit ModelReplicas(std::chrono::milliseconds pause) : pause_(pause) {}

  // Those that stay keep what is known of them. Calls on those that go may finish. Not from a
  // thread of gRPC.
  void SetAddresses(const std::vector<std::string>& addresses) TANDEM_EXCLUDES(mutex_);
  size_t size() const TANDEM_EXCLUDES(mutex_);

  // Null where nobody should be asked.
  ReplicaPtr Pick(const std::string& bundle, const Tried& tried, For purpose)
      TANDEM_EXCLUDES(mutex_);
  // Of a call that began at `began`. Failures of calls that were under way at once are one failure.
  void Report(const ReplicaPtr& replica, const std::string& bundle, Outcome outcome, Time began)
      TANDEM_EXCLUDES(mutex_);

 private:
  enum class Rank : uint8_t { kBest, kGood, kTrial, kConnecting, kFailing, kNever };

  Rank RankOf(Replica& replica, const std::string& bundle, For purpose, Time now) const
      TANDEM_REQUIRES(mutex_);
  // A trial is one request: the next comes after another while.
  void Take(Replica& replica, const std::string& bundle, Time now) const TANDEM_REQUIRES(mutex_);

  const std::chrono::milliseconds pause_;
  mutable Mutex mutex_;
  std::vector<ReplicaPtr> replicas_ TANDEM_GUARDED_BY(mutex_);
  size_t next_ TANDEM_GUARDED_BY(mutex_) = 0;
  // Gone, but with calls under way. They end here, as a channel must not on a thread of gRPC.
  std::vector<ReplicaPtr> gone_ TANDEM_GUARDED_BY(mutex_);
};

// One address. What is known of it belongs to ModelReplicas.
class ModelReplicas::Replica {
 public:
  explicit Replica(std::string address);

  const std::string& address() const { return address_; }
  tensorflow::serving::PredictionService::Stub& stub() { return *stub_; }

 private:
  friend class ModelReplicas;
  struct Knowledge {
    bool serves = false;
    std::chrono::steady_clock::time_point recheck_at;  // where it does not
  };

  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<tensorflow::serving::PredictionService::Stub> stub_;
  // Under the mutex of ModelReplicas:
  int64_t failures_ = 0;  // in a row
  std::chrono::steady_clock::time_point failed_at_;
  std::chrono::steady_clock::time_point retry_at_;
  std::map<std::string, Knowledge> bundles_;  // by fingerprint
};

}  // namespace tandem::app
