#include "tandem/serving/versions/log_observer.h"

#include "tandem/base/log.h"

namespace tandem::versions {

void LogObserver::OnAvailable(int64_t version) {
  Log(LogLevel::kInfo, StrCat(name_, ": version ", version, " is available"));
}

void LogObserver::OnRefused(int64_t version, const Status& why) {
  Log(LogLevel::kError, StrCat(name_, ": version ", version, " is refused: ", why));
}

void LogObserver::OnUnloaded(int64_t version) {
  Log(LogLevel::kInfo, StrCat(name_, ": version ", version, " is let go"));
}

void LogObserver::OnSourceError(const Status& why) {
  Log(LogLevel::kError, StrCat(name_, ": no versions: ", why));
}

}  // namespace tandem::versions
