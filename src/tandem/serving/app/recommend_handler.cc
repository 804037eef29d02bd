#include "tandem/serving/app/recommend_handler.h"

#include <charconv>
#include <utility>
#include <vector>

#include "tandem/format/json_writer.h"
#include "tandem/recommend/recommender.h"

namespace tandem::app {
namespace {

using recommend::Recommendation;

Result<int> ParseCount(const net::HttpRequest& request) {
  const std::string* text = request.Query("n");
  if (text == nullptr) return kDefaultResults;
  int n = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error == std::errc() && end == text->data() + text->size() && n >= 1 &&
      n <= recommend::kMaxResults) {
    return n;
  }
  return InvalidArgumentError("n: expected a whole number from 1 to ", recommend::kMaxResults,
                              ", got '", text->substr(0, 32), "'");
}

// {"user_id": ["42"], "recommendations": [["...", ...]]}
std::string Body(const bundle::Bundle& bundle, std::string_view user_id,
                 const std::vector<Recommendation>& items) {
  std::string body = R"({"user_id": [)";
  body.reserve(64 + user_id.size() + items.size() * 40);
  format::AppendJsonString(body, user_id);
  body += R"(], "recommendations": [[)";
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) body += ", ";
    format::AppendJsonString(body, bundle.items.titles[static_cast<size_t>(items[i].item)]);
  }
  body += "]]}\n";
  return body;
}

net::HttpResponse Answer(const bundle::Bundle& bundle, std::string_view user_id,
                         const Result<std::vector<Recommendation>>& items,
                         std::vector<net::NameValue> headers) {
  if (!items.ok()) return net::ErrorResponse(items.status());
  return {.body = Body(bundle, user_id, *items), .headers = std::move(headers)};
}

}  // namespace

RecommendationCounters::RecommendationCounters(prometheus::Registry& registry,
                                               bool by_model_server) {
  auto& family = prometheus::BuildCounter()
                     .Name("tandem_recommendations_total")
                     .Help("Recommendations by where the user's embedding came from")
                     .Register(registry);
  whole_ = &family.Add({{"source", by_model_server ? "model-server" : "in-process"}});
  degraded_ = &family.Add({{"source", "degraded"}});
  fallback_ = &family.Add({{"source", "fallback"}});
}

void RecommendHandler::operator()(const net::HttpRequest& request,
                                  net::HttpResponder respond) const {
  const std::string& user_id = *request.Param("user_id");
  if (user_id.size() > kMaxUserIdBytes) {
    return respond(net::ErrorResponse(InvalidArgumentError(
        "user id: expected at most ", kMaxUserIdBytes, " bytes, got ", user_id.size())));
  }
  const Result<int> n = ParseCount(request);
  if (!n.ok()) return respond(net::ErrorResponse(n.status()));
  Result<versions::Handle<bundle::Bundle>> handle = versions_.Get();
  if (!handle.ok()) return respond(net::ErrorResponse(handle.status()));
  const std::shared_ptr<const bundle::Bundle> bundle = handle->Share();

  const std::string* filter = request.Query("filter");
  Result<recommend::AllowedItems> allowed =
      recommend::FilterItems(*bundle, filter == nullptr ? "" : *filter);
  if (!allowed.ok()) return respond(net::ErrorResponse(allowed.status()));

  if (bundle->UserRow(user_id) < 0) {
    counters_.fallback().Increment();
    return respond(Answer(*bundle, user_id, recommend::PopularItems(*bundle, {}, *n, *allowed),
                          {{"X-Tandem-Fallback", "unknown-user"}}));
  }
  encoder_.Encode(
      bundle, user_id,
      [bundle, user_id, counters = counters_, count = *n, allowed = std::move(*allowed),
       respond = std::move(respond)](const recommend::EncodedQuery& query) {
        std::vector<net::NameValue> headers;
        (query.degraded ? counters.degraded() : counters.whole()).Increment();
        if (query.degraded) headers.emplace_back("X-Tandem-Degraded", "model-server");
        respond(Answer(*bundle, user_id,
                       recommend::TopItems(*bundle, query.embedding,
                                           recommend::SeenBy(*bundle, user_id), count, allowed),
                       std::move(headers)));
      });
}

}  // namespace tandem::app
