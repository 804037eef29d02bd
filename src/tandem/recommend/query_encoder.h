// The seam behind which the user tower runs: in this process, or in a model server.
//
// Encode turns a user id into a query embedding of the given bundle's space. The answer comes
// through `done`, at once on the calling thread or later on another one, exactly once. An
// encoder never fails a request: where its first way is closed it takes the bundle's own
// embedding and says so by `degraded`. Implementations are thread-safe; the bundle stays alive
// until `done` has returned.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "tandem/bundle/bundle.h"

namespace tandem::recommend {

struct EncodedQuery {
  std::vector<float> embedding;  // [d]
  bool degraded = false;         // not from the model server that was asked
};

class QueryEncoder {
 public:
  using Done = std::function<void(EncodedQuery)>;

  virtual ~QueryEncoder() = default;
  virtual void Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
                      Done done) = 0;
};

// The bundle's own embedding of the user; calls done at once.
class InProcessEncoder final : public QueryEncoder {
 public:
  void Encode(std::shared_ptr<const bundle::Bundle> bundle, std::string_view user_id,
              Done done) override;
};

}  // namespace tandem::recommend
