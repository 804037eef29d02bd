// Sends a request to the handler of its method and path.
//
// A pattern is a path whose segments are words or {names}: "/v1/users/{id}/items". A name takes
// one segment that is not empty, percent-decoded (so "a%2Fb" is the id "a/b"). The first pattern
// that fits wins. HEAD is answered by GET. No pattern: 404; a pattern, but not for the method: 405
// with Allow. Filled before use; then const and safe from many threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/serving/net/http.h"

namespace tandem::net {

class Router {
 public:
  // `on_refused` is told of each answer that the router makes by itself; may be empty.
  explicit Router(std::function<void(const HttpResponse& response)> on_refused = {})
      : on_refused_(std::move(on_refused)) {}

  void Add(std::string_view method, std::string_view pattern, HttpHandler handler);
  void Handle(HttpRequest request, const HttpResponder& responder) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    HttpHandler handler;
  };
  void Refuse(HttpResponse response, const HttpResponder& responder) const;

  const std::function<void(const HttpResponse&)> on_refused_;
  std::vector<Route> routes_;
};

}  // namespace tandem::net
