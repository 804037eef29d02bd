#include "tandem/recommend/query_encoder.h"

#include <span>

#include "tandem/bundle/query.h"

namespace tandem::recommend {

void InProcessEncoder::Encode(std::shared_ptr<const bundle::Bundle> bundle,
                              std::string_view user_id, Done done) {
  const std::span<const float> embedding = bundle::UserEmbedding(*bundle, user_id);
  done({.embedding = {embedding.begin(), embedding.end()}, .degraded = false});
}

}  // namespace tandem::recommend
