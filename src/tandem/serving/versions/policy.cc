#include "tandem/serving/versions/policy.h"

#include <algorithm>
#include <functional>
#include <set>

namespace tandem::versions {

std::string_view StateName(State state) {
  switch (state) {
    case State::kStart:
      return "START";
    case State::kLoading:
      return "LOADING";
    case State::kAvailable:
      return "AVAILABLE";
    case State::kUnloading:
      return "UNLOADING";
    case State::kEnd:
      return "END";
  }
  return "UNKNOWN";
}

Actions Decide(const Policy& policy, const std::vector<int64_t>& found,
               const std::vector<Had>& had) {
  std::set<int64_t> available, refused;
  for (const Had& one : had) {
    if (one.state == State::kAvailable) available.insert(one.version);
    if (one.refused) refused.insert(one.version);
  }
  std::vector<int64_t> wanted;
  for (const int64_t version : found) {
    if (refused.count(version) == 0) wanted.push_back(version);
  }
  std::sort(wanted.begin(), wanted.end(), std::greater<>());
  wanted.resize(std::min(wanted.size(), std::max<size_t>(policy.keep, 1)));

  Actions actions;
  for (const int64_t version : wanted) {
    if (available.count(version) == 0) actions.load.push_back(version);
  }
  if (!actions.load.empty() || wanted.empty()) return actions;
  for (const int64_t version : available) {
    if (std::find(wanted.begin(), wanted.end(), version) == wanted.end()) {
      actions.unload.push_back(version);
    }
  }
  return actions;
}

}  // namespace tandem::versions
