#include "tandem/feature/vocabulary.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "tandem/base/checksum.h"

namespace tandem::feature {
namespace {

bool IsDigits(const std::string& token) {
  return !token.empty() &&
         std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view WithoutLeadingZeros(std::string_view digits) {
  const size_t first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? std::string_view() : digits.substr(first);
}

// By value, without a limit on the number of digits; equal values by length, then bytes.
bool NumberLess(const std::string& a, const std::string& b) {
  const std::string_view x = WithoutLeadingZeros(a);
  const std::string_view y = WithoutLeadingZeros(b);
  if (x.size() != y.size()) return x.size() < y.size();
  if (x != y) return x < y;
  return a.size() < b.size();
}

Result<std::string> Unescape(std::string_view line) {
  std::string token;
  token.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      token.push_back(line[i]);
      continue;
    }
    const char code = ++i < line.size() ? line[i] : '\0';
    if (code == '\\') {
      token.push_back('\\');
    } else if (code == 'n') {
      token.push_back('\n');
    } else if (code == 'r') {
      token.push_back('\r');
    } else {
      return DataLossError("expected \\\\, \\n or \\r after a backslash");
    }
  }
  return token;
}

}  // namespace

Result<Vocabulary> Vocabulary::Build(std::vector<std::string> tokens) {
  if (std::all_of(tokens.begin(), tokens.end(), IsDigits)) {
    std::sort(tokens.begin(), tokens.end(), NumberLess);
  } else {
    std::sort(tokens.begin(), tokens.end());
  }
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return FromTokens(std::move(tokens));
}

Result<Vocabulary> Vocabulary::FromTokens(std::vector<std::string> tokens) {
  constexpr size_t kMaxTokens = size_t{1} << 30;
  if (tokens.size() > kMaxTokens) {
    return InvalidArgumentError("a vocabulary of ", tokens.size(), " tokens, expected at most ",
                                kMaxTokens);
  }
  Vocabulary vocabulary;
  vocabulary.tokens_ = std::move(tokens);
  size_t slots = 2;
  while (slots < 2 * vocabulary.tokens_.size()) slots *= 2;
  vocabulary.slots_.assign(slots, 0);
  for (size_t i = 0; i < vocabulary.tokens_.size(); ++i) {
    const std::string& token = vocabulary.tokens_[i];
    if (token.empty()) return InvalidArgumentError("token ", i + 1, " is empty");
    if (token.size() > kMaxTokenBytes) {
      return InvalidArgumentError("token ", i + 1, " has ", token.size(),
                                  " bytes, expected at most ", kMaxTokenBytes);
    }
    int32_t& slot = vocabulary.slots_[vocabulary.SlotOf(token)];
    if (slot != 0) {
      return InvalidArgumentError("token ", i + 1, " repeats token ", slot, ", '", token, "'");
    }
    slot = static_cast<int32_t>(i + 1);
  }
  return vocabulary;
}

Result<Vocabulary> Vocabulary::FromText(std::string_view text) {
  std::vector<std::string> tokens;
  size_t line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return DataLossError("line ", line, ": expected a line feed after the last token");
    }
    Result<std::string> token = Unescape(text.substr(0, end));
    if (!token.ok()) return token.status().WithContext(StrCat("line ", line));
    tokens.push_back(std::move(token).value());
    text.remove_prefix(end + 1);
  }
  // A token has its line's number, so that the message about it points at the line.
  Result<Vocabulary> vocabulary = FromTokens(std::move(tokens));
  if (!vocabulary.ok()) return DataLossError(vocabulary.status().message());
  return vocabulary;
}

std::string Vocabulary::ToText() const {
  std::string text;
  for (const std::string& token : tokens_) {
    for (const char c : token) {
      if (c == '\\') {
        text += "\\\\";
      } else if (c == '\n') {
        text += "\\n";
      } else if (c == '\r') {
        text += "\\r";
      } else {
        text.push_back(c);
      }
    }
    text.push_back('\n');
  }
  return text;
}

int32_t Vocabulary::Find(std::string_view token) const {
  return slots_.empty() ? 0 : slots_[SlotOf(token)];
}

size_t Vocabulary::SlotOf(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = static_cast<size_t>(Checksum(token)) & mask;
  while (slots_[slot] != 0 && Token(slots_[slot]) != token) slot = (slot + 1) & mask;
  return slot;
}

}  // namespace tandem::feature
