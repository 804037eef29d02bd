#include "tandem/format/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tandem/base/rng.h"

namespace tandem::format {
namespace {

using Fields = std::vector<std::string>;
using Rows = std::vector<Fields>;

struct Outcome {
  Rows rows;
  std::vector<int64_t> bad_lines;
};

Outcome ReadAll(std::string_view bytes, const CsvOptions& options = {}) {
  CsvReader reader(bytes, options);
  Outcome outcome;
  Fields fields;
  // Every answer but the last passes over at least one byte.
  for (size_t i = 0; i <= bytes.size(); ++i) {
    const Result<bool> got = reader.Next(fields);
    if (!got.ok()) {
      EXPECT_EQ(got.status().code(), StatusCode::kDataLoss);
      outcome.bad_lines.push_back(reader.line());
    } else if (!*got) {
      return outcome;
    } else {
      outcome.rows.push_back(fields);
    }
  }
  ADD_FAILURE() << "the reader does not end";
  return outcome;
}

TEST(CsvTest, ReadsRowsOfBothLineEndsAndPassesOverEmptyLinesAndByteOrderMark) {
  EXPECT_EQ(ReadAll("\xEF\xBB\xBF"
                    "a,b\r\n\n\r\n1,\n,2")
                .rows,
            (Rows{{"a", "b"}, {"1", ""}, {"", "2"}}));
  EXPECT_TRUE(ReadAll("").rows.empty());
  EXPECT_TRUE(ReadAll("\n\r\n").rows.empty());
}

TEST(CsvTest, ReadsQuotedFieldsAndCountsTheirLines) {
  CsvReader reader("\"a \"\"b\"\"\",\"x,\ny\"\n\"\",z\"z\n", {});
  Fields fields;
  ASSERT_TRUE(*reader.Next(fields));
  EXPECT_EQ(fields, (Fields{"a \"b\"", "x,\ny"}));
  EXPECT_EQ(reader.line(), 1);
  ASSERT_TRUE(*reader.Next(fields));
  EXPECT_EQ(fields, (Fields{"", "z\"z"}));
  EXPECT_EQ(reader.line(), 3);  // the first row took lines 1 and 2
  EXPECT_FALSE(*reader.Next(fields));
}

TEST(CsvTest, ReadsLongDelimitersAndLatin1) {
  CsvOptions options;
  options.multi_delimiter = "::";
  options.quotes = false;
  options.encoding = Encoding::kLatin1;
  EXPECT_EQ(ReadAll("1::Caf\xE9: a \"b\"::\n", options).rows,
            (Rows{{"1", "Caf\xC3\xA9: a \"b\"", ""}}));
}

TEST(CsvTest, GoesOnBehindABadLine) {
  const Outcome encoding = ReadAll("a\nb\xE9\nc\n");
  EXPECT_EQ(encoding.rows, (Rows{{"a"}, {"c"}}));
  EXPECT_EQ(encoding.bad_lines, std::vector<int64_t>{2});
  const Outcome quote = ReadAll("\"a\nb\nc\n");
  EXPECT_EQ(quote.rows, (Rows{{"b"}, {"c"}}));
  EXPECT_EQ(quote.bad_lines, std::vector<int64_t>{1});
  const Outcome text = ReadAll("\"a\"b,c\nd\n");
  EXPECT_EQ(text.rows, (Rows{{"d"}}));
  EXPECT_EQ(text.bad_lines, std::vector<int64_t>{1});
}

// What recovery means, one bad line after the other: each row is read by a reader of its own that
// begins behind the first line of the bad row before it.
Outcome ReadAllAfresh(std::string_view bytes, const CsvOptions& options) {
  Outcome outcome;
  size_t begin = 0;
  int64_t lines_before = 0;
  while (true) {
    CsvReader reader(bytes.substr(begin), options);
    Fields fields;
    Result<bool> got = reader.Next(fields);
    for (; got.ok() && *got; got = reader.Next(fields)) outcome.rows.push_back(fields);
    if (got.ok()) return outcome;
    lines_before += reader.line();
    outcome.bad_lines.push_back(lines_before);
    for (int64_t line = 0; line < reader.line() && begin < bytes.size(); ++line) {
      begin = std::min(bytes.find('\n', begin), bytes.size() - 1) + 1;
    }
  }
}

TEST(CsvTest, ManyBadRowsAreThoseOfReadersThatBeginAfresh) {
  Rng rng(5);
  constexpr std::string_view kAlphabet = "\"\"\",,\n\na\r\xE9";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (uint64_t n = rng.UniformInt(40); n > 0; --n) {
      text += kAlphabet[rng.UniformInt(kAlphabet.size())];
    }
    CsvOptions options;
    options.max_field_bytes = 1 + rng.UniformInt(12);
    const Outcome want = ReadAllAfresh(text, options);
    const Outcome got = ReadAll(text, options);
    ASSERT_EQ(got.rows, want.rows) << text;
    ASSERT_EQ(got.bad_lines, want.bad_lines) << text;
  }
}

// Each of these lines ends inside a quoted field, wherever it began, so that a row from any of
// them runs to the end of the text and fails there. Read again for each of its n = 149,796 lines,
// that is n / 2 MiB = 73 GiB, minutes at the least; read once, it is a matter of milliseconds.
TEST(CsvTest, AMebibyteOfQuotesTakesLinearTime) {
  constexpr size_t kBytes = size_t{1} << 20;
  for (const std::string_view line : {"\",a\",\"\n", "\"a\n", "x,\"\"\"\n", "\"", "\"\"x\n"}) {
    std::string text;
    while (text.size() + line.size() <= kBytes) text += line;
    CsvReader reader(text, {});
    Fields fields;
    const auto start = std::chrono::steady_clock::now();
    for (Result<bool> got = reader.Next(fields); !got.ok() || *got; got = reader.Next(fields)) {
      ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << line;
    }
  }
}

TEST(CsvTest, SaysWhatIsWrongAndOnWhichLine) {
  const auto second_error = [](std::string_view bytes) {
    CsvReader reader(bytes, {});
    Fields fields;
    EXPECT_FALSE(reader.Next(fields).ok());
    return std::string(reader.Next(fields).status().message());
  };
  EXPECT_EQ(second_error("\"a\n\"b\n"), "line 2: expected a closing quote, got the end");
  EXPECT_EQ(second_error("\xE9\n\xE9\n"),
            "line 2: expected UTF-8, got other bytes; is the file in Latin-1?");
  EXPECT_EQ(second_error("\",a\",\"\n\",a\",\"\n\",a\",\"\n"),
            "line 2: a quoted field runs on into the next line, and no row comes of it; is a quote "
            "not closed?");
}

TEST(CsvTest, HoldsFieldsToTheirLimit) {
  CsvOptions options;
  options.max_field_bytes = 3;
  EXPECT_EQ(ReadAll("abc,\"abc\"\n\"a\"\"\"\n", options).rows, (Rows{{"abc", "abc"}, {"a\""}}));
  EXPECT_EQ(ReadAll("abcd\nx\n", options).bad_lines, std::vector<int64_t>{1});
  EXPECT_EQ(ReadAll("\"abcd\"\nx\n", options).bad_lines, std::vector<int64_t>{1});
  EXPECT_EQ(ReadAll("\"ab\"\"\"\nx\n", options).bad_lines, std::vector<int64_t>{1});
}

TEST(CsvTest, RefusesADelimiterThatIsALineEndOrAQuote) {
  for (const char delimiter : {'\n', '\r', '"'}) {
    CsvOptions options;
    options.delimiter = delimiter;
    CsvReader reader("a", options);
    Fields fields;
    EXPECT_EQ(reader.Next(fields).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(CsvTest, EveryPrefixAndEveryDamageEnds) {
  const std::string text = "id,title\r\n1,\"Caf\xC3\xA9, \"\"x\"\"\n\"\n2,b\n";
  for (size_t n = 0; n <= text.size(); ++n) (void)ReadAll(std::string_view(text).substr(0, n));
  Rng rng(7);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = text;
    for (int j = 0; j < 3; ++j) {
      damaged[rng.UniformInt(damaged.size())] = static_cast<char>(rng.UniformInt(256));
    }
    (void)ReadAll(damaged);
  }
}

TEST(CsvTest, ReadsBackWhatWasQuoted) {
  Rng rng(11);
  constexpr std::string_view kAlphabet = "ab,\"\n\r ";
  for (int i = 0; i < 500; ++i) {
    Rows rows(1 + rng.UniformInt(4));
    std::string text;
    for (Fields& row : rows) {
      row.resize(1 + rng.UniformInt(3));
      for (size_t f = 0; f < row.size(); ++f) {
        text += f > 0 ? ",\"" : "\"";
        for (uint64_t c = rng.UniformInt(6); c > 0; --c) {
          row[f] += kAlphabet[rng.UniformInt(kAlphabet.size())];
          text += row[f].back() == '"' ? "\"\"" : std::string(1, row[f].back());
        }
        text += '"';
      }
      text += '\n';
    }
    EXPECT_EQ(ReadAll(text).rows, rows) << text;
  }
}

TEST(CsvTest, ParsesWholeNumbersOnly) {
  EXPECT_EQ(*ParseFloat("3.5"), 3.5f);
  EXPECT_EQ(*ParseFloat("-1e2"), -100.0f);
  for (const char* bad : {"", " 1", "1 ", "+1", "1x", "nan", "inf", "-infinity", "1e99"}) {
    EXPECT_EQ(ParseFloat(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(*ParseInt64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  for (const char* bad : {"", "1.0", "9223372036854775808", "0x1", "1\n"}) {
    EXPECT_EQ(ParseInt64(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace tandem::format
