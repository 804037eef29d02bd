// Turns the directory of one version into a T that is ready to answer: read, checked, warmed.
//
// Called by one thread at a time, beside the versions that serve. An error refuses the version:
// one of its contents (kDataLoss, kInvalidArgument, or kFailedPrecondition, as of a schema that
// this program does not read) until its directory changes; any other for a while (manager.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tandem/base/status.h"

namespace tandem::versions {

template <typename T>
class Loader {
 public:
  virtual ~Loader() = default;
  // Never a null pointer.
  virtual Result<std::shared_ptr<const T>> Load(const std::string& path, int64_t version) = 0;
};

// A loader that is one function.
template <typename T>
class FunctionLoader final : public Loader<T> {
 public:
  using Function =
      std::function<Result<std::shared_ptr<const T>>(const std::string& path, int64_t version)>;

  explicit FunctionLoader(Function load) : load_(std::move(load)) {}
  Result<std::shared_ptr<const T>> Load(const std::string& path, int64_t version) override {
    return load_(path, version);
  }

 private:
  const Function load_;
};

}  // namespace tandem::versions
