#include "tandem/serving/net/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace tandem::net {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

MetricFamily Single(std::string name, std::string help, MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {std::move(name), std::move(help), type, {std::move(metric)}};
}

// The names that Prometheus' own clients use; what the system does not tell is left out.
void AppendProcess(double started_at, std::vector<MetricFamily>& all) {
  all.push_back(Single("process_start_time_seconds", "Start of the process since 1970, in seconds",
                       MetricType::Gauge, started_at));
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    all.push_back(Single("process_cpu_seconds_total", "CPU time in user and system mode",
                         MetricType::Counter, Seconds(usage.ru_utime) + Seconds(usage.ru_stime)));
  }
  std::ifstream memory("/proc/self/statm");
  double pages_total = 0;
  double pages_resident = 0;
  if (memory >> pages_total >> pages_resident) {
    all.push_back(Single("process_resident_memory_bytes", "Resident memory", MetricType::Gauge,
                         pages_resident * static_cast<double>(sysconf(_SC_PAGESIZE))));
  }
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (!error) {
    // One of them is the directory that is read.
    all.push_back(Single("process_open_fds", "Open file descriptors", MetricType::Gauge,
                         static_cast<double>(std::distance(begin(files), end(files)) - 1)));
  }
}

}  // namespace

Metrics::Metrics(const std::string& program_version) : started_at_(SecondsSinceEpoch()) {
  prometheus::BuildGauge()
      .Name("tandem_build_info")
      .Help("1, with the program's version")
      .Register(registry_)
      .Add({{"version", program_version}})
      .Set(1);
}

Metrics::~Metrics() = default;

std::string Metrics::Text() const {
  std::vector<MetricFamily> all = registry_.Collect();
  AppendProcess(started_at_, all);
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace tandem::net
