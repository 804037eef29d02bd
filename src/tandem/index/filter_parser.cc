// Filter::Parse and Filter::ToString: text and tree. By recursive descent, a function a rule.
#include <array>
#include <utility>

#include "tandem/format/utf8.h"
#include "tandem/index/filter.h"
#include "tandem/index/quoted.h"

namespace tandem::index {
namespace {

enum class TokenKind { kEnd, kWord, kQuoted, kKeyword, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // a keyword in capitals; what stands in the quotes
  size_t position = 0;
};

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<uint8_t>(c) >= 0x80 || std::string_view("_-+.:/").find(c) != std::string::npos;
}

std::string Capitals(std::string_view word) {
  std::string capitals(word);
  for (char& c : capitals) c = Upper(c);
  return capitals;
}

bool IsKeyword(std::string_view capitals) {
  for (const std::string_view keyword : {"AND", "OR", "NOT", "IN", "IS", "MISSING"}) {
    if (capitals == keyword) return true;
  }
  return false;
}

struct Symbol {
  std::string_view text;
  FilterOp op;
};
// Longer ones first where one begins with another.
constexpr std::array<Symbol, 6> kComparisons = {{{"!=", FilterOp::kNotEqual},
                                                 {"<=", FilterOp::kLessEqual},
                                                 {">=", FilterOp::kGreaterEqual},
                                                 {"=", FilterOp::kEqual},
                                                 {"<", FilterOp::kLess},
                                                 {">", FilterOp::kGreater}}};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<FilterNode> Parse() {
    if (text_.size() > kMaxFilterBytes) {
      return InvalidArgumentError("a filter of ", text_.size(), " bytes, expected at most ",
                                  kMaxFilterBytes);
    }
    if (!format::IsUtf8(text_)) return InvalidArgumentError("a filter that is not UTF-8");
    TANDEM_RETURN_IF_ERROR(Advance());
    FilterNode root;
    TANDEM_RETURN_IF_ERROR(ParseOr(0, root));
    if (token_.kind != TokenKind::kEnd) return Expected("AND, OR or the end");
    return root;
  }

 private:
  template <typename... Parts>
  Status ErrorAt(size_t position, const Parts&... parts) const {
    return InvalidArgumentError("filter, at byte ", position + 1, ": ", parts...);
  }

  Status Expected(std::string_view what) const {
    if (token_.kind == TokenKind::kEnd) {
      return ErrorAt(token_.position, "expected ", what, ", got the end");
    }
    return ErrorAt(token_.position, "expected ", what, ", got ",
                   token_.kind == TokenKind::kKeyword ? "the word " : "", Quoted(token_.text));
  }

  // Reads the next token into token_.
  Status Advance() {
    while (next_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[next_]) != std::string_view::npos) {
      ++next_;
    }
    token_ = {.kind = TokenKind::kEnd, .text = "", .position = next_};
    if (next_ == text_.size()) return {};
    const char c = text_[next_];
    if (c == '"' || c == '\'') return ReadQuoted(c);
    size_t end = next_;
    while (end < text_.size() && IsWordByte(text_[end])) ++end;
    if (end > next_) {
      const std::string_view word = text_.substr(next_, end - next_);
      const std::string capitals = Capitals(word);
      const bool keyword = IsKeyword(capitals);
      token_.kind = keyword ? TokenKind::kKeyword : TokenKind::kWord;
      token_.text = keyword ? capitals : std::string(word);
      next_ = end;
      return {};
    }
    size_t length = std::string_view("(),").find(c) != std::string_view::npos ? 1 : 0;
    for (const Symbol& symbol : kComparisons) {
      if (length == 0 && text_.substr(next_).starts_with(symbol.text)) length = symbol.text.size();
    }
    if (length == 0) {
      token_.kind = TokenKind::kSymbol;
      token_.text = std::string(1, c);
      return Expected("a word, a text in quotes, a comparison or a parenthesis");
    }
    token_.kind = TokenKind::kSymbol;
    token_.text = std::string(text_.substr(next_, length));
    next_ += length;
    return {};
  }

  Status ReadQuoted(char quote) {
    token_.kind = TokenKind::kQuoted;
    for (size_t i = next_ + 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        next_ = i + 1;
        return {};
      }
      if (text_[i] == '\\') {
        ++i;
        if (i == text_.size() || std::string_view("\\\"'").find(text_[i]) == std::string::npos) {
          return ErrorAt(i - 1, "expected \\, \" or ' behind a backslash");
        }
      }
      token_.text += text_[i];
    }
    return ErrorAt(next_, "the quote that opens here is never closed");
  }

  bool IsSymbol(std::string_view text) const {
    return token_.kind == TokenKind::kSymbol && token_.text == text;
  }
  bool IsKeywordToken(std::string_view text) const {
    return token_.kind == TokenKind::kKeyword && token_.text == text;
  }
  bool IsText() const {
    return token_.kind == TokenKind::kWord || token_.kind == TokenKind::kQuoted;
  }

  Status ParseOr(int depth, FilterNode& node) {
    return ParseList(depth, "OR", FilterOp::kOr, &Parser::ParseAnd, node);
  }
  Status ParseAnd(int depth, FilterNode& node) {
    return ParseList(depth, "AND", FilterOp::kAnd, &Parser::ParseNot, node);
  }
  // One part, or several with the word between them.
  Status ParseList(int depth, std::string_view word, FilterOp op,
                   Status (Parser::*part)(int, FilterNode&), FilterNode& node) {
    const size_t position = token_.position;
    TANDEM_RETURN_IF_ERROR((this->*part)(depth, node));
    if (!IsKeywordToken(word)) return {};
    FilterNode list;
    list.op = op;
    list.position = position;
    list.children.push_back(std::move(node));
    while (IsKeywordToken(word)) {
      TANDEM_RETURN_IF_ERROR(Advance());
      TANDEM_RETURN_IF_ERROR((this->*part)(depth, list.children.emplace_back()));
    }
    node = std::move(list);
    return {};
  }

  Status CheckDepth(int depth) const {
    if (depth < kMaxFilterDepth) return {};
    return ErrorAt(token_.position, "more than ", kMaxFilterDepth,
                   " of NOT and parentheses in each other");
  }

  Status ParseNot(int depth, FilterNode& node) {
    const bool is_not = IsKeywordToken("NOT");
    if (!is_not && !IsSymbol("(")) return ParseTest(depth, node);
    TANDEM_RETURN_IF_ERROR(CheckDepth(depth));
    const size_t position = token_.position;
    TANDEM_RETURN_IF_ERROR(Advance());
    if (is_not) {
      node.op = FilterOp::kNot;
      node.position = position;
      return ParseNot(depth + 1, node.children.emplace_back());
    }
    TANDEM_RETURN_IF_ERROR(ParseOr(depth + 1, node));
    if (!IsSymbol(")")) return Expected("AND, OR or )");
    return Advance();
  }

  Status ParseTest(int depth, FilterNode& node) {
    if (!IsText()) return Expected("the name of an attribute, NOT or (");
    if (++tests_ > kMaxFilterTests) {
      return ErrorAt(token_.position, "more than ", kMaxFilterTests,
                     " tests: IN takes many values in one");
    }
    node.name = token_.text;
    node.position = token_.position;
    TANDEM_RETURN_IF_ERROR(Advance());
    if (IsKeywordToken("IS")) {
      TANDEM_RETURN_IF_ERROR(Advance());
      TANDEM_RETURN_IF_ERROR(ParseInnerNot(depth, node));
      if (!IsKeywordToken("MISSING")) return Expected("MISSING");
      Innermost(node).op = FilterOp::kMissing;
      return Advance();
    }
    TANDEM_RETURN_IF_ERROR(ParseInnerNot(depth, node));
    if (IsKeywordToken("IN")) return ParseIn(Innermost(node));
    if (node.op == FilterOp::kNot) return Expected("IN");
    for (const Symbol& symbol : kComparisons) {
      if (!IsSymbol(symbol.text)) continue;
      node.op = symbol.op;
      TANDEM_RETURN_IF_ERROR(Advance());
      return ParseValue(node);
    }
    return Expected("=, !=, <, <=, >, >=, IN or IS");
  }

  // `a IS NOT MISSING` and `a NOT IN (b)` are NOT of the test without it.
  Status ParseInnerNot(int depth, FilterNode& node) {
    if (!IsKeywordToken("NOT")) return {};
    TANDEM_RETURN_IF_ERROR(CheckDepth(depth));
    FilterNode outer;
    outer.op = FilterOp::kNot;
    outer.position = node.position;
    outer.children.push_back(std::move(node));
    node = std::move(outer);
    return Advance();
  }
  static FilterNode& Innermost(FilterNode& node) {
    return node.op == FilterOp::kNot ? node.children.front() : node;
  }

  Status ParseIn(FilterNode& node) {
    node.op = FilterOp::kIn;
    TANDEM_RETURN_IF_ERROR(Advance());
    if (!IsSymbol("(")) return Expected("( behind IN");
    do {
      TANDEM_RETURN_IF_ERROR(Advance());
      TANDEM_RETURN_IF_ERROR(ParseValue(node));
    } while (IsSymbol(","));
    if (!IsSymbol(")")) return Expected(", or )");
    return Advance();
  }

  Status ParseValue(FilterNode& node) {
    if (!IsText()) return Expected("a value");
    node.values.push_back({.text = token_.text,
                           .quoted = token_.kind == TokenKind::kQuoted,
                           .position = token_.position});
    return Advance();
  }

  std::string_view text_;
  size_t next_ = 0;
  Token token_;
  int tests_ = 0;
};

void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void AppendName(std::string_view name, std::string& out) {
  bool is_word = !name.empty() && !IsKeyword(Capitals(name));
  for (const char c : name) is_word = is_word && IsWordByte(c);
  if (is_word) {
    out += name;
  } else {
    AppendQuoted(name, out);
  }
}

void AppendValue(const FilterValue& value, std::string& out) {
  if (value.quoted) {
    AppendQuoted(value.text, out);
  } else {
    out += value.text;
  }
}

void AppendNode(const FilterNode& node, std::string& out);

// In parentheses where the tree would else be read another way.
void AppendChild(const FilterNode& child, FilterOp parent, std::string& out) {
  const bool bare =
      child.op != FilterOp::kOr && (child.op != FilterOp::kAnd || parent == FilterOp::kOr);
  if (!bare) out += '(';
  AppendNode(child, out);
  if (!bare) out += ')';
}

void AppendNode(const FilterNode& node, std::string& out) {
  if (node.op == FilterOp::kNot) {
    out += "NOT ";
    return AppendChild(node.children.front(), node.op, out);
  }
  if (node.op == FilterOp::kAnd || node.op == FilterOp::kOr) {
    for (size_t i = 0; i < node.children.size(); ++i) {
      if (i > 0) out += node.op == FilterOp::kAnd ? " AND " : " OR ";
      AppendChild(node.children[i], node.op, out);
    }
    return;
  }
  AppendName(node.name, out);
  if (node.op == FilterOp::kMissing) {
    out += " IS MISSING";
    return;
  }
  if (node.op == FilterOp::kIn) {
    for (size_t i = 0; i < node.values.size(); ++i) {
      out += i == 0 ? " IN (" : ", ";
      AppendValue(node.values[i], out);
    }
    out += ')';
    return;
  }
  for (const Symbol& symbol : kComparisons) {
    if (symbol.op == node.op) out.append(" ").append(symbol.text).append(" ");
  }
  AppendValue(node.values.front(), out);
}

}  // namespace

Result<Filter> Filter::Parse(std::string_view text) {
  TANDEM_ASSIGN_OR_RETURN(FilterNode root, Parser(text).Parse());
  return Filter(std::move(root));
}

std::string Filter::ToString() const {
  std::string out;
  AppendNode(root_, out);
  return out;
}

}  // namespace tandem::index
