// Requests and answers of HTTP as plain values, and the seam between a server and what it serves.
//
// No parser's types here: whoever handles requests includes this and router.h alone.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::net {

using NameValue = std::pair<std::string, std::string>;

struct HttpRequest {
  std::string method;              // "GET"
  std::string path;                // as sent, still percent-encoded: "/users/a%2Fb"
  std::vector<NameValue> query;    // decoded, in order: "?n=5&tag=a+b" -> {n, 5}, {tag, a b}
  std::vector<NameValue> params;   // decoded, of the route's {names}; the router fills them
  std::vector<NameValue> headers;  // in order, names as sent
  std::string body;

  // The first of that name, or null. Names of headers are compared without case.
  const std::string* Query(std::string_view name) const;
  const std::string* Param(std::string_view name) const;
  const std::string* Header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<NameValue> headers;  // added to those of the server; control characters are dropped
  std::string reason;              // of an error, for the log; not sent
};

// Answers one request, from any thread, now or later; the first call counts. Copies share that
// one answer. When the last copy goes without an answer, the client gets a 500.
class HttpResponder {
 public:
  explicit HttpResponder(std::function<void(HttpResponse)> send);
  void operator()(HttpResponse response) const;

 private:
  class Once;
  std::shared_ptr<Once> once_;
};

// Called by a thread of the server: must not block, and answers through the responder.
using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

// {"error":{"code":404,"message":"..."}}, with the message as its reason.
HttpResponse ErrorResponse(int http_status, std::string_view message);
// With the HTTP status of the code: INVALID_ARGUMENT 400, NOT_FOUND 404, UNAVAILABLE 503, ...
HttpResponse ErrorResponse(const Status& status);
// A 500. What the exception says is the reason: for the log, not for the client.
HttpResponse ExceptionResponse(const std::exception& error);

// The answer as it is sent; with `head` without its body, as one to HEAD.
std::string ResponseBytes(const HttpResponse& response, bool head, bool keep_alive);

// "Not Found" for 404; "Unknown" for what has no name here.
std::string_view HttpReason(int http_status);

// "a%2Fb" -> "a/b"; nothing where a '%' is not followed by two hex digits or the result has a NUL.
// With `plus_is_space`, as in a query, '+' is a space.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// Splits "/path?a=1&b" into path and query. kInvalidArgument where it does not start with '/',
// or does not decode.
Status ParseTarget(std::string_view target, HttpRequest& request);

// The text with quotes around it, as JSON; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

}  // namespace tandem::net
