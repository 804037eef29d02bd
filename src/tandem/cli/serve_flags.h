// The flags of `tandem serve-model` and `tandem serve-app`, and what the environment says in
// their place.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/cli/environment.h"

namespace CLI {
class App;
}

namespace tandem::cli {

class ServeFlags {
 public:
  // Adds the two verbs to the program. What was asked for is given to `chosen`; it looks at this
  // object, `env` and `out`, which must outlive it.
  ServeFlags(CLI::App& program, Env& env, std::ostream& out,
             std::function<void(std::function<Status()>)> chosen);
  ~ServeFlags();
  ServeFlags(const ServeFlags&) = delete;
  ServeFlags& operator=(const ServeFlags&) = delete;

  // Appends what the environment gives to the arguments of the program, where they call one of the
  // two verbs. Answers what it took.
  std::vector<TakenVariable> AppendFromEnvironment(std::vector<std::string>& arguments) const;
  // Whether the verb that was called writes its log, and so the line of its failure, as JSON.
  bool log_is_json() const;

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace tandem::cli
