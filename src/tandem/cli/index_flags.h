// The flags of `tandem index <verb>`.
#pragma once

#include <functional>
#include <memory>
#include <ostream>

#include "tandem/base/env.h"
#include "tandem/base/status.h"

namespace CLI {
class App;
}

namespace tandem::cli {

// The parsed options of all verbs of the index.
class IndexFlags {
 public:
  // Adds "index" with its verbs to the program. What was asked for is given to `chosen`; it and
  // the verbs look at this object, `env` and `out`, which must outlive the parsing.
  IndexFlags(CLI::App& program, Env& env, std::ostream& out,
             std::function<void(std::function<Status()>)> chosen);
  ~IndexFlags();
  IndexFlags(const IndexFlags&) = delete;
  IndexFlags& operator=(const IndexFlags&) = delete;

 private:
  class Verbs;
  std::unique_ptr<Verbs> verbs_;
};

}  // namespace tandem::cli
