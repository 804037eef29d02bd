#include "tandem/serving/versions/metrics_observer.h"

#include <utility>

namespace tandem::versions {
namespace {

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help, const std::string& model) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({{"model", model}});
}

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const std::string& model) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(
      {{"model", model}});
}

}  // namespace

MetricsObserver::MetricsObserver(prometheus::Registry& registry, const std::string& model,
                                 std::function<std::string(int64_t version)> bundle_of)
    : model_(model),
      bundle_of_(std::move(bundle_of)),
      version_(AddGauge(registry, "tandem_model_version",
                        "The newest version that is available; 0 for none", model)),
      info_(prometheus::BuildGauge()
                .Name("tandem_model_info")
                .Help("1 for each version that is available, with the fingerprint of its bundle")
                .Register(registry)),
      swaps_(AddCounter(registry, "tandem_model_swaps_total",
                        "Times that a newer version took over from an older one", model)),
      refusals_(AddCounter(registry, "tandem_model_refusals_total",
                           "Versions that did not load; the log says why", model)),
      last_refusal_(AddGauge(registry, "tandem_model_last_refusal_timestamp_seconds",
                             "When a version last did not load, since 1970; 0 for never", model)) {}

void MetricsObserver::OnAvailable(int64_t version) {
  const bool newest = available_.empty() || version > available_.rbegin()->first;
  if (newest && !available_.empty()) swaps_.Increment();
  if (newest) version_.Set(static_cast<double>(version));
  prometheus::Gauge& info = info_.Add(
      {{"model", model_}, {"version", std::to_string(version)}, {"bundle", bundle_of_(version)}});
  info.Set(1);
  available_[version] = &info;
}

void MetricsObserver::OnRefused(int64_t /*version*/, const Status& /*why*/) {
  refusals_.Increment();
  last_refusal_.SetToCurrentTime();
}

void MetricsObserver::OnUnloaded(int64_t version) {
  const auto found = available_.find(version);
  if (found == available_.end()) return;
  info_.Remove(found->second);
  available_.erase(found);
}

}  // namespace tandem::versions
