#include "tandem/cli/environment.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

namespace tandem::cli {
namespace {

bool Gives(const std::string& argument, const std::string& flag) {
  return argument == flag || argument.rfind(flag + "=", 0) == 0;
}

}  // namespace

std::optional<std::string> FromEnvironment(const std::string& variable) {
  const char* const text = std::getenv(variable.c_str());
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

std::string EnvironmentName(std::string_view flag) {
  std::string name = "TANDEM_";
  for (const char c : flag) {
    name += c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

std::vector<TakenVariable> AppendFromEnvironment(const CLI::App& verb,
                                                 std::vector<std::string>& arguments) {
  std::vector<std::string> added;
  std::vector<TakenVariable> taken;
  for (const CLI::Option* option : verb.get_options()) {
    const std::vector<std::string>& spellings = option->get_lnames();
    if (spellings.empty() || option->get_expected_max() == 0) continue;
    const std::string variable = EnvironmentName(spellings.front());
    const auto value = FromEnvironment(variable);
    if (!value.has_value()) continue;
    const bool given =
        std::any_of(arguments.begin(), arguments.end(), [&spellings](const std::string& argument) {
          return std::any_of(
              spellings.begin(), spellings.end(),
              [&argument](const std::string& one) { return Gives(argument, "--" + one); });
        });
    if (given) continue;
    const std::string flag = "--" + spellings.front();
    added.push_back(flag + "=" + *value);
    taken.push_back({flag, variable});
  }
  arguments.insert(arguments.end(), added.begin(), added.end());
  return taken;
}

}  // namespace tandem::cli
