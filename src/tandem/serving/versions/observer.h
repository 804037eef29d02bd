// Who wants to know of swaps and refusals: health, metrics, the log.
//
// Called by the thread that polls, one call at a time; a call holds the next swap up, never a
// reader. It may call Get and Statuses of the manager, not Poll.
#pragma once

#include <cstdint>

#include "tandem/base/status.h"

namespace tandem::versions {

class Observer {
 public:
  virtual ~Observer() = default;
  // Requests can now get this version.
  virtual void OnAvailable(int64_t version) = 0;
  // It did not load; the others serve on. Told once for each different error in a row, however
  // often it is tried.
  virtual void OnRefused(int64_t version, const Status& why) = 0;
  // No new request gets it; it dies with its last handle.
  virtual void OnUnloaded(int64_t version) = 0;
  // The versions could not be listed, or there is none to begin with; told once for each different
  // message in a row.
  virtual void OnSourceError(const Status& why) = 0;
};

}  // namespace tandem::versions
