// What the environment says in place of flags: TANDEM_<FLAG>, upper case with underscores, so
// that a container can be set up without a command of its own. A flag that is given wins.
//
// Reads the process's environment: before threads that might change it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace tandem::cli {

// The variable's text; nothing where it is not set, or empty.
std::optional<std::string> FromEnvironment(const std::string& variable);

// "model-base-path" -> "TANDEM_MODEL_BASE_PATH".
std::string EnvironmentName(std::string_view flag);

// Appends "--flag=value" to the arguments of a verb (without the verb's own name) for each of its
// flags that has a variable and is not among them. Answers what it took.
struct TakenVariable {
  std::string flag;      // "--port"
  std::string variable;  // "TANDEM_PORT"
};
std::vector<TakenVariable> AppendFromEnvironment(const CLI::App& verb,
                                                 std::vector<std::string>& arguments);

// "TANDEM_PRT (TANDEM_PORT?), TANDEM_COLOUR": what is set and is not empty but is no flag's of
// these verbs, with the flag's that it may have been meant to be; empty where there is none. Names
// only: a value may be a secret.
std::string UnknownVariables(const std::vector<const CLI::App*>& verbs);

}  // namespace tandem::cli
