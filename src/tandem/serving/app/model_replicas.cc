#include "tandem/serving/app/model_replicas.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace tandem::app {
namespace {

// A model server that gets the wanted bundle, or comes back, is found so soon.
constexpr std::chrono::milliseconds kRecheckBundle(100);
constexpr std::chrono::milliseconds kRecheckUnreachable(100);
// An app asks for its newest bundle, and for the one before while it swaps.
constexpr size_t kMaxKnownBundles = 4;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A model server that comes back is found again within a second or two.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A peer that vanished without a word is noticed by a ping while calls wait.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // A connection of its own, which is not another channel's of the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Proxies of the environment are for the world outside.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

ModelReplicas::Replica::Replica(std::string address)
    : address_(std::move(address)),
      channel_(MakeChannel(address_)),
      stub_(tensorflow::serving::PredictionService::NewStub(channel_)) {
  channel_->GetState(/*try_to_connect=*/true);
}

void ModelReplicas::SetAddresses(const std::vector<std::string>& addresses) {
  std::vector<ReplicaPtr> ended;  // outside the lock
  MutexLock lock(mutex_);
  std::vector<ReplicaPtr> next;
  for (const std::string& address : addresses) {
    const auto found = std::find_if(replicas_.begin(), replicas_.end(), [&](const auto& one) {
      return one != nullptr && one->address() == address;
    });
    next.push_back(found != replicas_.end() ? std::move(*found)
                                            : std::make_shared<Replica>(address));
  }
  replicas_.swap(next);
  for (ReplicaPtr& one : next) {
    if (one != nullptr) gone_.push_back(std::move(one));
  }
  const auto used = std::partition(gone_.begin(), gone_.end(),
                                   [](const auto& one) { return one.use_count() > 1; });
  ended.assign(std::make_move_iterator(used), std::make_move_iterator(gone_.end()));
  gone_.erase(used, gone_.end());
}

size_t ModelReplicas::size() const {
  MutexLock lock(mutex_);
  return replicas_.size();
}

ModelReplicas::Rank ModelReplicas::RankOf(Replica& replica, const std::string& bundle, For purpose,
                                          Time now) const {
  // Also tells a channel that lost its connection to make another.
  const bool connected = replica.channel_->GetState(true) == GRPC_CHANNEL_READY;
  const auto known = replica.bundles_.find(bundle);
  const bool is_known = known != replica.bundles_.end();
  if (is_known && !known->second.serves) {
    if (!connected || now < known->second.recheck_at) return Rank::kNever;
    return purpose == For::kFirstTry ? Rank::kBest : Rank::kTrial;
  }
  if (replica.failures_ > 0) {
    if (connected && now >= replica.retry_at_) {
      return purpose == For::kFirstTry ? Rank::kBest : Rank::kTrial;
    }
    return replica.failures_ < kFailuresBeforePause ? Rank::kFailing : Rank::kNever;
  }
  if (!connected) return Rank::kConnecting;
  return is_known || purpose == For::kFirstTry ? Rank::kBest : Rank::kGood;
}

void ModelReplicas::Take(Replica& replica, const std::string& bundle, Time now) const {
  if (replica.failures_ > 0) replica.retry_at_ = std::max(replica.retry_at_, now + pause_);
  const auto known = replica.bundles_.find(bundle);
  if (known != replica.bundles_.end() && !known->second.serves) {
    known->second.recheck_at = now + kRecheckBundle;
  }
}

ModelReplicas::ReplicaPtr ModelReplicas::Pick(const std::string& bundle, const Tried& tried,
                                              For purpose) {
  const Time now = std::chrono::steady_clock::now();
  const Rank worst = purpose == For::kHedge ? Rank::kTrial : Rank::kNever;
  MutexLock lock(mutex_);
  Rank best = worst;
  size_t chosen = 0;
  for (size_t i = 0; i < replicas_.size() && best != Rank::kBest; ++i) {
    const size_t at = (next_ + i) % replicas_.size();
    if (std::find(tried.begin(), tried.end(), replicas_[at]) != tried.end()) continue;
    const Rank rank = RankOf(*replicas_[at], bundle, purpose, now);
    if (rank >= best) continue;
    best = rank;
    chosen = at;
  }
  if (best == worst) return nullptr;
  next_ = chosen + 1;
  Take(*replicas_[chosen], bundle, now);
  return replicas_[chosen];
}

void ModelReplicas::Report(const ReplicaPtr& replica, const std::string& bundle, Outcome outcome,
                           Time began) {
  const Time now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  if (outcome == Outcome::kServed || outcome == Outcome::kOtherBundle) {
    replica->failures_ = 0;
    auto& bundles = replica->bundles_;
    if (bundles.size() >= kMaxKnownBundles && bundles.count(bundle) == 0) bundles.clear();
    bundles[bundle] = {.serves = outcome == Outcome::kServed, .recheck_at = now + kRecheckBundle};
    return;
  }
  if (replica->failures_ == 0 || began >= replica->failed_at_) {
    ++replica->failures_;
    replica->failed_at_ = now;
  }
  const bool unreachable = outcome == Outcome::kUnreachable;
  replica->retry_at_ = now + (unreachable ? std::min(pause_, kRecheckUnreachable) : pause_);
}

}  // namespace tandem::app
