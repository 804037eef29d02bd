// GET /recommend/<user_id>?n=10&filter=category=Comedy: from a request to titles.
//
//   {"user_id": ["42"], "recommendations": [["Toy Story (1995)", ...]]}
//
// What the user has seen is left out; an unknown user gets the most popular items, marked
// "X-Tandem-Fallback: unknown-user"; an answer without the model server that was asked is marked
// "X-Tandem-Degraded: model-server". 400 for an n outside 1 to 1000, for an id over 256 bytes and
// for a filter (index/filter.h, over "category" and "popularity") that cannot be followed.
// Thread-safe; the versions and the encoder must outlive every answer.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "tandem/bundle/bundle.h"
#include "tandem/recommend/query_encoder.h"
#include "tandem/serving/net/http.h"
#include "tandem/serving/versions/manager.h"

namespace tandem::app {

inline constexpr int kDefaultResults = 10;
inline constexpr size_t kMaxUserIdBytes = 256;

// Answers by where the embedding came from: tandem_recommendations_total{source}, "model-server"
// or "in-process", "degraded" where the model server should have and did not, and "fallback"
// without an embedding. A copy counts into the same registry, which must outlive it.
class RecommendationCounters {
 public:
  RecommendationCounters(prometheus::Registry& registry, bool by_model_server);

  prometheus::Counter& whole() const { return *whole_; }
  prometheus::Counter& degraded() const { return *degraded_; }
  prometheus::Counter& fallback() const { return *fallback_; }

 private:
  prometheus::Counter* whole_;
  prometheus::Counter* degraded_;
  prometheus::Counter* fallback_;
};

class RecommendHandler {
 public:
  RecommendHandler(const versions::Manager<bundle::Bundle>& versions,
                   recommend::QueryEncoder& encoder, const RecommendationCounters& counters)
      : versions_(versions), encoder_(encoder), counters_(counters) {}

  // The route has the name {user_id}.
  void operator()(const net::HttpRequest& request, net::HttpResponder respond) const;

 private:
  const versions::Manager<bundle::Bundle>& versions_;
  recommend::QueryEncoder& encoder_;
  const RecommendationCounters counters_;
};

}  // namespace tandem::app
