#include "tandem/serving/net/http.h"

#include <algorithm>
#include <atomic>

namespace tandem::net {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualWithoutCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

const std::string* Find(const std::vector<NameValue>& all, std::string_view name) {
  for (const NameValue& one : all) {
    if (one.first == name) return &one.second;
  }
  return nullptr;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Bytes of the well-formed UTF-8 character that `text` starts with (RFC 3629); 0 where there is
// none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool outside = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return overlong || outside ? 0 : length;
}

// No control characters: no header ends before its time.
std::string Clean(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) clean.push_back(c);
  }
  return clean;
}

int HttpStatusOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kInvalidArgument:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kOutOfRange:
      return 400;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kAlreadyExists:
    case StatusCode::kAborted:
      return 409;
    case StatusCode::kResourceExhausted:
      return 429;
    case StatusCode::kUnimplemented:
      return 501;
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace

const std::string* HttpRequest::Query(std::string_view name) const { return Find(query, name); }
const std::string* HttpRequest::Param(std::string_view name) const { return Find(params, name); }
const std::string* HttpRequest::Header(std::string_view name) const {
  for (const NameValue& one : headers) {
    if (EqualWithoutCase(one.first, name)) return &one.second;
  }
  return nullptr;
}

class HttpResponder::Once {
 public:
  explicit Once(std::function<void(HttpResponse)> send) : send_(std::move(send)) {}
  ~Once() {
    if (!answered_) send_(ErrorResponse(500, "the request was dropped without an answer"));
  }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  void Send(HttpResponse response) {
    if (!answered_.exchange(true)) send_(std::move(response));
  }

 private:
  const std::function<void(HttpResponse)> send_;
  std::atomic<bool> answered_ = false;
};

HttpResponder::HttpResponder(std::function<void(HttpResponse)> send)
    : once_(std::make_shared<Once>(std::move(send))) {}

void HttpResponder::operator()(HttpResponse response) const { once_->Send(std::move(response)); }

HttpResponse ErrorResponse(int http_status, std::string_view message) {
  HttpResponse response;
  response.status = http_status;
  response.body =
      StrCat("{\"error\":{\"code\":", http_status, ",\"message\":", JsonQuote(message), "}}\n");
  response.reason = message;
  return response;
}

HttpResponse ErrorResponse(const Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), status.message());
}

HttpResponse ExceptionResponse(const std::exception& error) {
  HttpResponse response = ErrorResponse(500, "an error within the server; its log says more");
  response.reason = StrCat("exception: ", error.what());
  return response;
}

std::string ResponseBytes(const HttpResponse& response, bool head, bool keep_alive) {
  std::string out;
  out.reserve(192 + response.body.size());
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(HttpReason(response.status));
  out.append("\r\nContent-Type: ").append(Clean(response.content_type));
  out.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
  out.append(keep_alive ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n");
  for (const NameValue& one : response.headers) {
    out.append(Clean(one.first)).append(": ").append(Clean(one.second)).append("\r\n");
  }
  out.append("\r\n");
  if (!head) out.append(response.body);
  return out;
}

std::string_view HttpReason(int http_status) {
  switch (http_status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

Status ParseTarget(std::string_view target, HttpRequest& request) {
  if (target.empty() || target.front() != '/') {
    return InvalidArgumentError("the request target must be a path that starts with '/'");
  }
  target = target.substr(0, target.find('#'));
  const size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  request.query.clear();
  if (!PercentDecode(request.path, false).has_value()) {
    return InvalidArgumentError("the path has a '%' without two hex digits, or a NUL");
  }
  if (mark == std::string_view::npos) return Status();
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = PercentDecode(pair.substr(std::min(pair.size(), equals + 1)), true);
    if (!name.has_value() || !value.has_value()) {
      return InvalidArgumentError("the query has a '%' without two hex digits, or a NUL");
    }
    request.query.emplace_back(*std::move(name), *std::move(value));
  }
  return Status();
}

std::string JsonQuote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const auto c = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text.front();
    } else if (c < 0x20 || c == 0x7F) {
      out += "\\u00";
      out += kHex[c / 16U];
      out += kHex[c % 16U];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
  return out;
}

}  // namespace tandem::net
