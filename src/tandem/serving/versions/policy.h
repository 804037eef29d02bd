// Which versions to load and which to let go: a pure function of what is found and what is had.
//
// Availability comes first: nothing is let go while something is still to be loaded, and never
// the last available version. A refused version counts for nothing, so the newest good ones stay.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tandem::versions {

// TensorFlow Serving's states, in the order of a version's life.
enum class State { kStart, kLoading, kAvailable, kUnloading, kEnd };

// "AVAILABLE" and so on.
std::string_view StateName(State state);

struct Policy {
  // How many of the newest good versions are kept loaded; at least 1. Two, so that a client that
  // still names the version before finds it.
  size_t keep = 2;
  // A version whose load failed for another reason than its contents is tried again after this
  // time, then after twice that, up to the longest.
  std::chrono::milliseconds retry_first = std::chrono::seconds(1);
  std::chrono::milliseconds retry_longest = std::chrono::minutes(1);
};

struct Had {
  int64_t version = 0;
  State state = State::kStart;
  bool refused = false;  // its load failed, and is not to be tried again yet
};

struct Actions {
  std::vector<int64_t> load;    // newest first
  std::vector<int64_t> unload;  // oldest first
  friend bool operator==(const Actions&, const Actions&) = default;
};

// `found`: versions that exist, distinct, in any order. `had`: what the manager knows of, distinct.
Actions Decide(const Policy& policy, const std::vector<int64_t>& found,
               const std::vector<Had>& had);

}  // namespace tandem::versions
