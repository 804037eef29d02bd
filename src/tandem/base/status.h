// Errors as values.
//
// Status is either OK or a code with a message; Result<T> is either a T or a non-OK
// Status. The codes are numerically those of gRPC, so that serving/ maps them by a cast.
// A message says what failed, where, what was expected, what was found, and what to do.
// Both types are [[nodiscard]]; neither throws. Value types, safe to copy between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace tandem {

enum class StatusCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,  // the caller's request or configuration is wrong
  kDeadlineExceeded = 4,
  kNotFound = 5,  // a file, user, item, version or signature that is not there
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,   // a bound was reached: size, memory, queue
  kFailedPrecondition = 9,  // right request, wrong state
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,     // a defect of this program
  kUnavailable = 14,  // try again later
  kDataLoss = 15,     // bytes that do not decode or do not match their checksum
};

// "INVALID_ARGUMENT" for kInvalidArgument, and so on.
std::string_view StatusCodeName(StatusCode code);

// Concatenates anything an ostream prints. Not for hot paths.
template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  // "DATA_LOSS: manifest.json: ..." or "OK".
  std::string ToString() const;
  // The same code with "context: " before the message; OK stays OK.
  Status WithContext(std::string_view context) const;

  friend bool operator==(const Status&, const Status&) = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

std::ostream& operator<<(std::ostream& out, const Status& status);

// One named constructor for each code in use; the parts are concatenated.
#define TANDEM_DEFINE_ERROR(Name)                         \
  template <typename... Parts>                            \
  Status Name##Error(const Parts&... parts) {             \
    return Status(StatusCode::k##Name, StrCat(parts...)); \
  }
TANDEM_DEFINE_ERROR(Cancelled)
TANDEM_DEFINE_ERROR(InvalidArgument)
TANDEM_DEFINE_ERROR(DeadlineExceeded)
TANDEM_DEFINE_ERROR(NotFound)
TANDEM_DEFINE_ERROR(AlreadyExists)
TANDEM_DEFINE_ERROR(PermissionDenied)
TANDEM_DEFINE_ERROR(ResourceExhausted)
TANDEM_DEFINE_ERROR(FailedPrecondition)
TANDEM_DEFINE_ERROR(Unimplemented)
TANDEM_DEFINE_ERROR(Internal)
TANDEM_DEFINE_ERROR(Unavailable)
TANDEM_DEFINE_ERROR(DataLoss)
#undef TANDEM_DEFINE_ERROR

// Value access on an error is a programming error and ends the program with the message.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    if (status_.ok())
      status_ = InternalError("a Result was made from an OK Status without a value");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & { return Checked(), *value_; }
  const T& value() const& { return Checked(), *value_; }
  T&& value() && { return Checked(), std::move(*value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void Checked() const;

  Status status_;
  std::optional<T> value_;
};

namespace internal {
[[noreturn]] void DieOfBadResult(const Status& status);
}  // namespace internal

template <typename T>
void Result<T>::Checked() const {
  if (!value_.has_value()) internal::DieOfBadResult(status_);
}

}  // namespace tandem

// Leaves the function with the error, if there is one.
#define TANDEM_RETURN_IF_ERROR(expression)           \
  do {                                               \
    ::tandem::Status tandem_status_ = (expression);  \
    if (!tandem_status_.ok()) return tandem_status_; \
  } while (false)

#define TANDEM_CONCAT_INNER_(a, b) a##b
#define TANDEM_CONCAT_(a, b) TANDEM_CONCAT_INNER_(a, b)

// TANDEM_ASSIGN_OR_RETURN(const auto bytes, env.ReadFile(path));
#define TANDEM_ASSIGN_OR_RETURN(declaration, expression) \
  TANDEM_ASSIGN_OR_RETURN_IMPL_(TANDEM_CONCAT_(tandem_result_, __LINE__), declaration, expression)
#define TANDEM_ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                          \
  if (!result.ok()) return result.status();                            \
  declaration = std::move(result).value()
