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

#include "tandem/bundle/bundle.h"
#include "tandem/recommend/query_encoder.h"
#include "tandem/serving/net/http.h"
#include "tandem/serving/versions/manager.h"

namespace tandem::app {

inline constexpr int kDefaultResults = 10;
inline constexpr size_t kMaxUserIdBytes = 256;

class RecommendHandler {
 public:
  RecommendHandler(const versions::Manager<bundle::Bundle>& versions,
                   recommend::QueryEncoder& encoder)
      : versions_(versions), encoder_(encoder) {}

  // The route has the name {user_id}.
  void operator()(const net::HttpRequest& request, net::HttpResponder respond) const;

 private:
  const versions::Manager<bundle::Bundle>& versions_;
  recommend::QueryEncoder& encoder_;
};

}  // namespace tandem::app
