// Several observers as one, told in their order.
#pragma once

#include <utility>
#include <vector>

#include "tandem/serving/versions/observer.h"

namespace tandem::versions {

class ObserverList final : public Observer {
 public:
  // They must outlive it.
  explicit ObserverList(std::vector<Observer*> observers) : observers_(std::move(observers)) {}

  void OnAvailable(int64_t version) override {
    for (Observer* one : observers_) one->OnAvailable(version);
  }
  void OnRefused(int64_t version, const Status& why) override {
    for (Observer* one : observers_) one->OnRefused(version, why);
  }
  void OnUnloaded(int64_t version) override {
    for (Observer* one : observers_) one->OnUnloaded(version);
  }
  void OnSourceError(const Status& why) override {
    for (Observer* one : observers_) one->OnSourceError(why);
  }

 private:
  const std::vector<Observer*> observers_;
};

}  // namespace tandem::versions
