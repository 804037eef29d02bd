// A loaded version that stays alive as long as the handle does, whatever is swapped meanwhile.
//
// A value: cheap to copy, never empty unless moved from. The T behind it is immutable and shared
// by threads; it is destroyed by the thread that drops the last handle.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace tandem::versions {

template <typename T>
class Handle {
 public:
  Handle(std::shared_ptr<const T> value, int64_t version)
      : value_(std::move(value)), version_(version) {}

  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  int64_t version() const { return version_; }
  // The same hold without the number.
  const std::shared_ptr<const T>& Share() const { return value_; }

 private:
  std::shared_ptr<const T> value_;
  int64_t version_;
};

}  // namespace tandem::versions
