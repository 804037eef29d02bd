// Turns the directory of one version into a T that is ready to answer: read, checked, warmed.
//
// Called by one thread at a time, beside the versions that serve. An error refuses the version:
// it is not tried again until its directory changes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tandem/base/status.h"

namespace tandem::versions {

template <typename T>
class Loader {
 public:
  virtual ~Loader() = default;
  // Never a null pointer.
  virtual Result<std::shared_ptr<const T>> Load(const std::string& path, int64_t version) = 0;
};

}  // namespace tandem::versions
