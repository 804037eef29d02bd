// The metrics of one server, as text for Prometheus: what it registers, and what the system says
// of the process (memory, CPU, open files, start) and of the program's version.
//
// Whoever counts gets its counters from the registry once, at its start, and keeps them: adding
// looks names up under a lock, counting does not. Thread-safe; it must outlive who counts.
#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <string>

namespace tandem::net {

class Metrics {
 public:
  explicit Metrics(const std::string& program_version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  prometheus::Registry& registry() { return registry_; }
  // In the text format 0.0.4, whose media type this is.
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";
  std::string Text() const;

 private:
  prometheus::Registry registry_;
  const double started_at_;  // seconds since 1970
};

}  // namespace tandem::net
