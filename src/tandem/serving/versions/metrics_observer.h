// Tells the metrics of a model's versions:
//
//   tandem_model_version{model}                          the newest that is available
//   tandem_model_info{model,version,bundle}              1 for each that is available
//   tandem_model_swaps_total{model}                      a newer one took over from an older one
//   tandem_model_refusals_total{model}                   one did not load
//   tandem_model_last_refusal_timestamp_seconds{model}   when; 0 for never
//
// As an observer it is called by one thread at a time; the registry must outlive it.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tandem/serving/versions/observer.h"

namespace tandem::versions {

class MetricsObserver final : public Observer {
 public:
  // `bundle_of` names what an available version is made of, whatever its number.
  MetricsObserver(prometheus::Registry& registry, const std::string& model,
                  std::function<std::string(int64_t version)> bundle_of);

  void OnAvailable(int64_t version) override;
  void OnRefused(int64_t version, const Status& why) override;
  void OnUnloaded(int64_t version) override;
  void OnSourceError(const Status& /*why*/) override {}

 private:
  const std::string model_;
  const std::function<std::string(int64_t)> bundle_of_;
  prometheus::Gauge& version_;
  prometheus::Family<prometheus::Gauge>& info_;
  prometheus::Counter& swaps_;
  prometheus::Counter& refusals_;
  prometheus::Gauge& last_refusal_;
  std::map<int64_t, prometheus::Gauge*> available_;
};

}  // namespace tandem::versions
