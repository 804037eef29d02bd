// Tokens (user ids, item ids, categories) and the numbers they have in a model.
//
// A token's id is its place in the list plus 1; id 0 is the unknown. Build sorts the tokens: by
// their number when every token is a run of decimal digits ("2" before "10"; "2" before "02"),
// else by their bytes. FromText keeps the order of the text, which is what a saved model means.
// Tokens are 1 to kMaxTokenBytes bytes, all different.
//
// Immutable after construction, copyable, safe to read from many threads. Find takes a view and
// allocates nothing.
//
// Text form: one token a line, each line ended by '\n'; inside a token a backslash is written
// "\\", a line feed "\n" and a carriage return "\r".
//
// Errors: Build answers kInvalidArgument, FromText kDataLoss with the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::feature {

inline constexpr size_t kMaxTokenBytes = 1024;

class Vocabulary {
 public:
  Vocabulary() = default;  // no tokens

  // Of any order; the same token given twice counts once.
  static Result<Vocabulary> Build(std::vector<std::string> tokens);
  // In the order given; a repeated token is an error.
  static Result<Vocabulary> FromTokens(std::vector<std::string> tokens);
  static Result<Vocabulary> FromText(std::string_view text);
  std::string ToText() const;

  // 1 to size(); 0 where the token is not known.
  int32_t Find(std::string_view token) const;
  // The token of an id from 1 to size().
  const std::string& Token(int32_t id) const { return tokens_[static_cast<size_t>(id) - 1]; }
  // Tokens, without the unknown.
  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  // [size()]; the token at place i has id i + 1.
  const std::vector<std::string>& tokens() const { return tokens_; }

  friend bool operator==(const Vocabulary& a, const Vocabulary& b) {
    return a.tokens_ == b.tokens_;
  }

 private:
  // Where the token is in slots_, or the free slot where it would go.
  size_t SlotOf(std::string_view token) const;

  std::vector<std::string> tokens_;
  // Open addressing, a power of two long and at most half full; an entry is an id, 0 is free.
  std::vector<int32_t> slots_;
};

}  // namespace tandem::feature
