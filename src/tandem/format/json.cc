#include "tandem/format/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <exception>
#include <optional>

#include "tandem/format/json_writer.h"
#include "tandem/format/utf8.h"

namespace tandem::format {
namespace {

constexpr std::string_view kTypeNames[] = {"null",   "boolean", "integer", "number",
                                           "string", "array",   "object"};

std::string Shown(std::string_view text) {
  std::string shown;
  AppendJsonString(shown, text.substr(0, 64));
  return shown;
}

// The key that occurs twice, if one does.
std::optional<std::string_view> RepeatedKey(const Json::Object& object) {
  std::vector<std::string_view> keys;
  keys.reserve(object.size());
  for (const auto& member : object) keys.push_back(member.first);
  std::sort(keys.begin(), keys.end());
  const auto found = std::adjacent_find(keys.begin(), keys.end());
  if (found == keys.end()) return std::nullopt;
  return *found;
}

// Builds Json from the events of boost::json::basic_parser, whose names and signatures these
// members have. A false answer with an error code ends the parsing.
class Builder {
 public:
  using ErrorCode = boost::json::error_code;
  using View = boost::json::string_view;

  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);

  const Status& status() const { return status_; }
  Json TakeRoot() { return std::move(root_); }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_array_begin(ErrorCode&) { return Open(Json::Array()); }
  bool on_array_end(size_t, ErrorCode&) { return Close(); }
  bool on_object_begin(ErrorCode&) { return Open(Json::Object()); }
  bool on_object_end(size_t, ErrorCode& code) {
    const auto repeated = RepeatedKey(std::get<Json::Object>(open_.back().container));
    if (repeated.has_value()) {
      return Refuse(DataLossError("JSON: the key ", Shown(*repeated), " occurs twice in an object"),
                    code);
    }
    return Close();
  }
  bool on_string_part(View part, size_t, ErrorCode&) { return Append(part); }
  bool on_string(View part, size_t, ErrorCode&) {
    Append(part);
    return Put(Json(std::exchange(text_, std::string())));
  }
  bool on_key_part(View part, size_t, ErrorCode&) { return Append(part); }
  bool on_key(View part, size_t, ErrorCode&) {
    Append(part);
    open_.back().key = std::exchange(text_, std::string());
    return true;
  }
  bool on_number_part(View part, ErrorCode&) { return Append(part); }
  bool on_int64(int64_t value, View, ErrorCode&) {
    text_.clear();
    return Put(Json(value));
  }
  bool on_uint64(uint64_t value, View, ErrorCode& code) {
    return Refuse(DataLossError("JSON: the integer ", value, " does not fit 64 bits signed"), code);
  }
  // Boost's own value can be off in the last digit: the text is read again, exactly.
  bool on_double(double value, View part, ErrorCode& code) {
    Append(part);
    double exact = value;  // stays where the text is too small for a double: a zero
    std::from_chars(text_.data(), text_.data() + text_.size(), exact);
    text_.clear();
    if (!std::isfinite(value) || !std::isfinite(exact)) {
      return Refuse(DataLossError("JSON: a number is beyond the range of a double"), code);
    }
    return Put(Json(exact));
  }
  bool on_bool(bool value, ErrorCode&) { return Put(Json(value)); }
  bool on_null(ErrorCode&) { return Put(Json()); }
  bool on_comment_part(View, ErrorCode&) { return true; }
  bool on_comment(View, ErrorCode&) { return true; }

 private:
  struct Container {
    std::variant<Json::Array, Json::Object> container;
    std::string key;  // of the member whose value comes next
  };

  bool Append(View part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool Open(std::variant<Json::Array, Json::Object> container) {
    open_.push_back({std::move(container), std::string()});
    return true;
  }
  bool Close() {
    auto container = std::move(open_.back().container);
    open_.pop_back();
    auto* const array = std::get_if<Json::Array>(&container);
    return Put(array != nullptr ? Json(std::move(*array))
                                : Json(std::move(std::get<Json::Object>(container))));
  }
  bool Put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* const array = std::get_if<Json::Array>(&open_.back().container)) {
      array->push_back(std::move(value));
    } else {
      std::get<Json::Object>(open_.back().container)
          .emplace_back(std::exchange(open_.back().key, std::string()), std::move(value));
    }
    return true;
  }
  bool Refuse(Status status, ErrorCode& code) {
    status_ = std::move(status);
    code = boost::json::error::exception;
    return false;
  }

  Status status_;
  Json root_;
  std::vector<Container> open_;
  std::string text_;
};

// Writes through json_writer.h; refuses what JSON cannot say.
class Writer {
 public:
  explicit Writer(JsonStyle style) : pretty_(style == JsonStyle::kPretty) {}

  Status Write(const Json& json, size_t level);
  std::string Take() { return std::move(out_); }

 private:
  Status WriteString(std::string_view text) {
    if (!IsUtf8(text)) {
      return InvalidArgumentError("JSON: expected a string of UTF-8, got ", Shown(text));
    }
    AppendJsonString(out_, text);
    return Status();
  }
  void StartLine(size_t level) {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(2 * level, ' ');
  }

  bool pretty_;
  std::string out_;
};

Status Writer::Write(const Json& json, size_t level) {
  if (json.IsNull()) {
    out_ += "null";
  } else if (json.IsBool()) {
    out_ += *json.AsBool() ? "true" : "false";
  } else if (json.IsInt64()) {
    AppendJsonNumber(out_, *json.AsInt64());
  } else if (json.IsDouble()) {
    const double value = *json.AsDouble();
    if (!std::isfinite(value)) {
      return InvalidArgumentError("JSON: expected a finite number, got ", value);
    }
    AppendJsonNumber(out_, value);
  } else if (json.IsString()) {
    return WriteString(**json.AsString());
  } else if (json.IsArray()) {
    const Json::Array& array = **json.AsArray();
    out_ += '[';
    for (size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out_ += ',';
      StartLine(level + 1);
      TANDEM_RETURN_IF_ERROR(Write(array[i], level + 1));
    }
    if (!array.empty()) StartLine(level);
    out_ += ']';
  } else {
    const Json::Object& object = **json.AsObject();
    const auto repeated = RepeatedKey(object);
    if (repeated.has_value()) {
      return InvalidArgumentError("JSON: the key ", Shown(*repeated), " occurs twice in an object");
    }
    out_ += '{';
    for (size_t i = 0; i < object.size(); ++i) {
      if (i > 0) out_ += ',';
      StartLine(level + 1);
      TANDEM_RETURN_IF_ERROR(WriteString(object[i].first));
      out_ += pretty_ ? ": " : ":";
      TANDEM_RETURN_IF_ERROR(Write(object[i].second, level + 1));
    }
    if (!object.empty()) StartLine(level);
    out_ += '}';
  }
  return Status();
}

Status WrongType(std::string_view expected, const Json& got) {
  return InvalidArgumentError("JSON: expected ", expected, ", got ", got.TypeName());
}

}  // namespace

std::string_view Json::TypeName() const { return kTypeNames[value_.index()]; }

Result<bool> Json::AsBool() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  return WrongType("boolean", *this);
}

Result<int64_t> Json::AsInt64() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
  return WrongType("integer", *this);
}

Result<double> Json::AsDouble() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  return WrongType("number", *this);
}

Result<const std::string*> Json::AsString() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return value;
  return WrongType("string", *this);
}

Result<const Json::Array*> Json::AsArray() const {
  if (const auto* value = std::get_if<Array>(&value_)) return value;
  return WrongType("array", *this);
}

Result<const Json::Object*> Json::AsObject() const {
  if (const auto* value = std::get_if<Object>(&value_)) return value;
  return WrongType("object", *this);
}

const Json* Json::Find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) return nullptr;
  for (const auto& member : *object) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Result<const Json*> Json::Get(std::string_view key) const {
  if (!IsObject()) return WrongType("object", *this);
  if (const Json* found = Find(key)) return found;
  return InvalidArgumentError("JSON: expected the key ", Shown(key), ", which is not there");
}

Json& Json::Set(std::string_view key, Json value) {
  if (!IsObject()) value_ = Object();
  auto& object = std::get<Object>(value_);
  for (auto& member : object) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  object.emplace_back(std::string(key), std::move(value));
  return *this;
}

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return ResourceExhaustedError("JSON: expected at most ", limits.max_bytes, " bytes, got ",
                                  text.size());
  }
  try {
    boost::json::parse_options options;
    options.max_depth = limits.max_depth;
    boost::json::basic_parser<Builder> parser(options);
    boost::json::error_code code;
    const size_t read = parser.write_some(false, text.data(), text.size(), code);
    if (code) {
      if (!parser.handler().status().ok()) {
        return parser.handler().status().WithContext(StrCat("byte ", read));
      }
      if (code == boost::json::error::too_deep) {
        return ResourceExhaustedError("JSON: nested deeper than ", limits.max_depth,
                                      " levels at byte ", read);
      }
      return DataLossError("JSON: ", code.message(), " at byte ", read);
    }
    const size_t more = text.find_first_not_of(" \t\r\n", read);
    if (more != std::string_view::npos) {
      return DataLossError("JSON: expected the end at byte ", more, ", got more text");
    }
    return parser.handler().TakeRoot();
  } catch (const std::exception& error) {
    return DataLossError("JSON: ", error.what());
  }
}

Result<std::string> SerializeJson(const Json& json, JsonStyle style) {
  Writer writer(style);
  TANDEM_RETURN_IF_ERROR(writer.Write(json, 0));
  return writer.Take();
}

}  // namespace tandem::format
