// Which addresses a name has, looked up over and over: replicas come and go.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::app {

// As gRPC takes them, "ipv4:10.0.0.7:8500"; distinct, in any order. May block for seconds.
using Resolver = std::function<Result<std::vector<std::string>>()>;

// The system's resolver for "host:8500", "10.0.0.7:8500" or "[::1]:8500"; kInvalidArgument for what
// is none of these.
Result<Resolver> SystemResolver(std::string_view target);

class AddressWatch {
 public:
  // Calls `resolve` at once, then every `interval`, on a thread of its own, and tells `found` each
  // answer and each error there. The first answer is waited for, for a moment: a name that resolves
  // is known when the constructor returns.
  AddressWatch(Resolver resolve, std::chrono::milliseconds interval,
               std::function<void(const Result<std::vector<std::string>>&)> found);
  // `found` is not called any more; a look-up that is under way is left to end by itself.
  ~AddressWatch();
  AddressWatch(const AddressWatch&) = delete;
  AddressWatch& operator=(const AddressWatch&) = delete;

  // Looks the name up soon, not more often than a few times a second.
  void Refresh();

 private:
  struct State;
  const std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace tandem::app
