#include "tandem/cli/environment.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

namespace tandem::cli {
namespace {

constexpr std::string_view kPrefix = "TANDEM_";

// The variable of an option; empty where it has none.
std::string VariableOf(const CLI::Option& option) {
  const std::vector<std::string>& spellings = option.get_lnames();
  if (spellings.empty() || option.get_expected_max() == 0) return "";
  return EnvironmentName(spellings.front());
}

// How many letters must be put in, left out, exchanged or swapped with their neighbour to get from
// one to the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before;
  std::vector<size_t> last(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

// The one that was most likely meant; empty where none is near.
std::string Nearest(std::string_view name, const std::set<std::string>& known) {
  std::string nearest;
  size_t least = std::min<size_t>(2, (name.size() - kPrefix.size()) / 2) + 1;
  for (const std::string& one : known) {
    const size_t distance = Distance(name, one);
    if (distance >= least) continue;
    least = distance;
    nearest = one;
  }
  return nearest;
}

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
  std::string name(kPrefix);
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
    const std::string variable = VariableOf(*option);
    if (variable.empty()) continue;
    const std::vector<std::string>& spellings = option->get_lnames();
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

std::string UnknownVariables(const std::vector<const CLI::App*>& verbs) {
  std::set<std::string> known;
  for (const CLI::App* verb : verbs) {
    for (const CLI::Option* option : verb->get_options()) known.insert(VariableOf(*option));
  }
  std::set<std::string> unknown;  // sorted
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view text(*one);
    const size_t equals = text.find('=');
    if (text.substr(0, kPrefix.size()) != kPrefix || equals + 1 >= text.size()) continue;
    const std::string name(text.substr(0, equals));
    if (known.count(name) == 0) unknown.insert(name);
  }
  std::string line;
  for (const std::string& name : unknown) {
    const std::string nearest = Nearest(name, known);
    line += (line.empty() ? "" : ", ") + name;
    if (!nearest.empty()) line += " (" + nearest + "?)";
  }
  return line;
}

}  // namespace tandem::cli
