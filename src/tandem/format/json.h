// JSON (RFC 8259) as plain values, and its text.
//
// Parsing is bounded in depth and bytes. Values are owned and copy deeply; const use from many
// threads is safe. Object members keep their order, which is that of the text; keys are unique.
// Errors: kDataLoss for text that is not JSON, kResourceExhausted for text beyond the limits,
// kInvalidArgument for a value of another type than asked for or one JSON cannot say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::format {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;                                           // null
  Json(std::nullptr_t) {}                                     // NOLINT(*-explicit-*)
  Json(std::string text) : value_(std::move(text)) {}         // NOLINT(*-explicit-*)
  Json(std::string_view text) : value_(std::string(text)) {}  // NOLINT(*-explicit-*)
  Json(const char* text) : value_(std::string(text)) {}       // NOLINT(*-explicit-*)
  Json(Array array) : value_(std::move(array)) {}             // NOLINT(*-explicit-*)
  Json(Object object) : value_(std::move(object)) {}          // NOLINT(*-explicit-*)
  // bool, every integer that fits int64_t whatever its value, float and double. Of the 64-bit
  // integers only the signed ones: larger unsigned ones would not fit.
  template <typename T,
            typename = std::enable_if_t<std::is_floating_point_v<T> ||
                                        (std::is_integral_v<T> &&
                                         (std::is_signed_v<T> || sizeof(T) < sizeof(int64_t)))>>
  Json(T value) {  // NOLINT(*-explicit-*)
    if constexpr (std::is_same_v<T, bool>) {
      value_ = value;
    } else if constexpr (std::is_floating_point_v<T>) {
      value_ = static_cast<double>(value);
    } else {
      value_ = static_cast<int64_t>(value);
    }
  }

  bool IsNull() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool IsBool() const { return std::holds_alternative<bool>(value_); }
  bool IsInt64() const { return std::holds_alternative<int64_t>(value_); }
  bool IsDouble() const { return std::holds_alternative<double>(value_); }
  bool IsString() const { return std::holds_alternative<std::string>(value_); }
  bool IsArray() const { return std::holds_alternative<Array>(value_); }
  bool IsObject() const { return std::holds_alternative<Object>(value_); }
  // "null", "boolean", "integer", "number", "string", "array" or "object".
  std::string_view TypeName() const;

  Result<bool> AsBool() const;
  Result<int64_t> AsInt64() const;
  // Integers too, rounded to the nearest double.
  Result<double> AsDouble() const;
  // The pointers are never null in an ok Result and live as long as this value is unchanged.
  Result<const std::string*> AsString() const;
  Result<const Array*> AsArray() const;
  Result<const Object*> AsObject() const;

  // The member of this object; nullptr where it is not there or this is not an object. Linear.
  const Json* Find(std::string_view key) const;
  // The same, or kInvalidArgument that names the key.
  Result<const Json*> Get(std::string_view key) const;
  // Puts the member in at the end, or in place of the one of that key. Makes any other value
  // than an object an empty one first.
  Json& Set(std::string_view key, Json value);

  friend bool operator==(const Json& a, const Json& b) { return a.value_ == b.value_; }

 private:
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value_ = nullptr;
};

struct JsonLimits {
  size_t max_depth = 64;                     // arrays and objects inside each other
  uint64_t max_bytes = uint64_t{256} << 20;  // of the text
};

// One value with nothing but white space around it. Refuses keys that occur twice in an object,
// integers beyond 64 bits signed, numbers beyond a double, and text that is not UTF-8.
Result<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});

enum class JsonStyle {
  kCompact,  // no white space at all
  kPretty,   // two spaces a level, no line end after the last line
};

// The same text for the same value, on every machine; numbers are the shortest that read back
// the same, and a double is written so that it reads back as a double. kInvalidArgument for NaN,
// infinities, keys that occur twice, and strings that are not UTF-8.
Result<std::string> SerializeJson(const Json& json, JsonStyle style = JsonStyle::kCompact);

}  // namespace tandem::format
