#include "tandem/feature/vocabulary.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tandem/base/rng.h"

namespace tandem::feature {
namespace {

using Tokens = std::vector<std::string>;

TEST(VocabularyTest, SortsByNumberWhenAllTokensAreDigits) {
  const Vocabulary ids = Vocabulary::Build({"10", "2", "02", "2", "1"}).value();
  EXPECT_EQ(ids.tokens(), (Tokens{"1", "2", "02", "10"}));
  EXPECT_EQ(ids.Find("10"), 4);
}

TEST(VocabularyTest, SortsByBytesWhenOneTokenIsNoNumber) {
  EXPECT_EQ(Vocabulary::Build({"b", "10", "2"}).value().tokens(), (Tokens{"10", "2", "b"}));
}

TEST(VocabularyTest, IdsBeginAtOneAndZeroIsUnknown) {
  const Vocabulary ids = Vocabulary::Build({"x", "y"}).value();
  EXPECT_EQ(ids.size(), 2);
  EXPECT_EQ(ids.Find("x"), 1);
  EXPECT_EQ(ids.Token(2), "y");
  EXPECT_EQ(ids.Find("z"), 0);
  EXPECT_EQ(ids.Find(""), 0);
  EXPECT_EQ(Vocabulary().Find("x"), 0);
}

TEST(VocabularyTest, TextKeepsOrderAndEscapes) {
  const Vocabulary ids = Vocabulary::FromTokens({"z", "a\nb", "c\\n", "d\re"}).value();
  EXPECT_EQ(ids.ToText(), "z\na\\nb\nc\\\\n\nd\\re\n");
  EXPECT_EQ(Vocabulary::FromText(ids.ToText()).value(), ids);
  EXPECT_EQ(Vocabulary::FromText("").value().size(), 0);
}

TEST(VocabularyTest, RefusesOddTextWithItsLine) {
  const std::string long_line(kMaxTokenBytes + 1, 'x');
  const std::map<std::string, std::string> cases = {
      {"a\na\n", "token 2 repeats token 1, 'a'"},
      {"a\n\n", "token 2 is empty"},
      {"a\nb", "line 2: expected a line feed after the last token"},
      {"a\\t\n", "line 1: expected \\\\, \\n or \\r after a backslash"},
      {"a\\\n", "line 1: expected \\\\, \\n or \\r after a backslash"},
      {long_line + "\n", "token 1 has 1025 bytes, expected at most 1024"},
  };
  for (const auto& [text, message] : cases) {
    const Result<Vocabulary> result = Vocabulary::FromText(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.status().code(), StatusCode::kDataLoss);
    EXPECT_EQ(result.status().message(), message);
  }
}

TEST(VocabularyTest, TruncatedTextIsAPrefixOrAnError) {
  const std::string text = Vocabulary::FromTokens({"z", "a\nb", "c\\"}).value().ToText();
  for (size_t length = 0; length < text.size(); ++length) {
    const Result<Vocabulary> result = Vocabulary::FromText(text.substr(0, length));
    const bool at_line_end = length == 0 || text[length - 1] == '\n';
    EXPECT_EQ(result.ok(), at_line_end) << length;
  }
}

TEST(VocabularyTest, FindAgreesWithAMap) {
  Rng rng(7);
  std::map<std::string, int32_t> expected;
  Tokens tokens;
  for (int i = 0; i < 5000; ++i) {
    const std::string token = StrCat("t", rng.UniformInt(100'000));
    if (expected.emplace(token, static_cast<int32_t>(tokens.size()) + 1).second) {
      tokens.push_back(token);
    }
  }
  const Vocabulary ids = Vocabulary::FromTokens(tokens).value();
  const Vocabulary copy = ids;
  for (int i = 0; i < 100'000; ++i) {
    const std::string token = StrCat("t", i);
    const auto found = expected.find(token);
    ASSERT_EQ(copy.Find(token), found == expected.end() ? 0 : found->second);
  }
}

}  // namespace
}  // namespace tandem::feature
