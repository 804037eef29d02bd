#include "tandem/serving/net/router.h"

#include <algorithm>

namespace tandem::net {
namespace {

bool IsName(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// "/a/b" -> "a", "b"; "/" -> "".
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  for (;;) {
    const size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool Fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (IsName(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  }
  return true;
}

}  // namespace

void Router::Add(std::string_view method, std::string_view pattern, HttpHandler handler) {
  routes_.push_back({std::string(method), Segments(pattern), std::move(handler)});
}

void Router::Handle(HttpRequest request, const HttpResponder& responder) const {
  const std::vector<std::string> path = Segments(request.path);
  const std::string_view asked = request.method;
  const std::string_view method = asked == "HEAD" ? std::string_view("GET") : asked;
  std::vector<std::string_view> allowed;
  for (const Route& route : routes_) {
    if (!Fits(route.segments, path)) continue;
    if (route.method != method) {
      allowed.push_back(route.method);
      if (route.method == "GET") allowed.push_back("HEAD");
      continue;
    }
    for (size_t i = 0; i < path.size(); ++i) {
      const std::string& segment = route.segments[i];
      if (!IsName(segment)) continue;
      // The server has checked that the whole path decodes.
      request.params.emplace_back(segment.substr(1, segment.size() - 2),
                                  PercentDecode(path[i], false).value_or(path[i]));
    }
    return route.handler(std::move(request), responder);
  }
  if (allowed.empty()) {
    return Refuse(ErrorResponse(404, StrCat("nothing is at ", request.path)), responder);
  }
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  std::string allow;
  for (const std::string_view one : allowed) allow += StrCat(allow.empty() ? "" : ", ", one);
  HttpResponse response = ErrorResponse(
      405, StrCat(request.path, " does not take ", request.method, "; it takes ", allow));
  response.headers.emplace_back("Allow", std::move(allow));
  Refuse(std::move(response), responder);
}

void Router::Refuse(HttpResponse response, const HttpResponder& responder) const {
  if (on_refused_) on_refused_(response);
  responder(std::move(response));
}

}  // namespace tandem::net
