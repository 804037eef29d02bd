// Tells the log of swaps and refusals, under the name of what is served. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tandem/base/status.h"
#include "tandem/serving/versions/observer.h"

namespace tandem::versions {

class LogObserver final : public Observer {
 public:
  explicit LogObserver(std::string name) : name_(std::move(name)) {}

  void OnAvailable(int64_t version) override;
  void OnRefused(int64_t version, const Status& why) override;
  void OnUnloaded(int64_t version) override;
  void OnSourceError(const Status& why) override;

 private:
  const std::string name_;
};

}  // namespace tandem::versions
