#include "tandem/format/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tandem/base/rng.h"
#include "tandem/format/json_writer.h"

namespace tandem::format {
namespace {

constexpr std::string_view kText =
    R"({"a":[1,-2.5,true,null,"x\"\n\u00e9"],"b":{"c":[],"d":{}},"e":1e+300})";

StatusCode ParseCode(std::string_view text, const JsonLimits& limits = {}) {
  return ParseJson(text, limits).status().code();
}

TEST(JsonTest, ParsesEveryKindOfValueInOrder) {
  const auto json = ParseJson(kText);
  ASSERT_TRUE(json.ok()) << json.status();
  const Json::Array& a = **(*json->Get("a"))->AsArray();
  ASSERT_EQ(a.size(), 5u);
  EXPECT_EQ(*a[0].AsInt64(), 1);
  EXPECT_EQ(*a[0].AsDouble(), 1.0);
  EXPECT_EQ(*a[1].AsDouble(), -2.5);
  EXPECT_TRUE(*a[2].AsBool());
  EXPECT_TRUE(a[3].IsNull());
  EXPECT_EQ(**a[4].AsString(), "x\"\n\xC3\xA9");
  EXPECT_EQ((**json->AsObject())[1].first, "b");
  EXPECT_EQ(json->Find("zz"), nullptr);
}

TEST(JsonTest, AnswersAnErrorForAnotherType) {
  EXPECT_EQ(Json(1.5).AsInt64().status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Json("1").AsBool().status().message(), "JSON: expected boolean, got string");
  EXPECT_EQ(Json().Get("k").status().code(), StatusCode::kInvalidArgument);
}

TEST(JsonTest, RefusesWhatIsNotJson) {
  for (const char* bad :
       {"", " ", "{", "[1,]", "{\"a\"}", "01", "nan", "1 2", "'a'", "[1]x", "{\"a\":1,\"a\":2}",
        "9223372036854775808", "1e999", "\"\xE9\"", "\"\xED\xA0\x80\"", "/*c*/1", "\"\\ud800\""}) {
    EXPECT_EQ(ParseCode(bad), StatusCode::kDataLoss) << bad;
  }
}

TEST(JsonTest, BoundsDepthAndBytes) {
  JsonLimits limits;
  limits.max_depth = 3;
  EXPECT_EQ(ParseCode("[[[]]]", limits), StatusCode::kOk);
  EXPECT_EQ(ParseCode("[[[[]]]]", limits), StatusCode::kResourceExhausted);
  EXPECT_EQ(ParseCode(std::string(1'000'000, '[')), StatusCode::kResourceExhausted);
  limits.max_bytes = 2;
  EXPECT_EQ(ParseCode("[]", limits), StatusCode::kOk);
  EXPECT_EQ(ParseCode("[ ]", limits), StatusCode::kResourceExhausted);
}

TEST(JsonTest, WritesBothStyles) {
  Json json;
  json.Set("a", Json::Array{1, 2.0}).Set("b", Json::Object()).Set("a", Json::Array{true, 0.1f});
  EXPECT_EQ(*SerializeJson(json), R"({"a":[true,0.10000000149011612],"b":{}})");
  json.Set("a", Json::Array{7});
  EXPECT_EQ(*SerializeJson(json, JsonStyle::kPretty), "{\n  \"a\": [\n    7\n  ],\n  \"b\": {}\n}");
}

TEST(JsonTest, RefusesToWriteWhatJsonCannotSay) {
  EXPECT_FALSE(SerializeJson(std::nan("")).ok());
  EXPECT_FALSE(SerializeJson(Json::Array{std::numeric_limits<double>::infinity()}).ok());
  EXPECT_FALSE(SerializeJson("\xFF").ok());
  EXPECT_FALSE(SerializeJson(Json::Object{{"a", 1}, {"a", 2}}).ok());
}

TEST(JsonTest, NumbersReadBackTheSame) {
  Rng rng(3);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(rng.Next());
    if (!std::isfinite(value)) continue;
    const auto back = ParseJson(*SerializeJson(value));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_TRUE(back->IsDouble());
    ASSERT_EQ(std::bit_cast<uint64_t>(*back->AsDouble()), std::bit_cast<uint64_t>(value));
  }
  for (const int64_t value :
       {std::numeric_limits<int64_t>::min(), int64_t{0}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(*ParseJson(*SerializeJson(value))->AsInt64(), value);
  }
}

TEST(JsonTest, EveryPrefixIsRefusedAndEveryDamageAnswered) {
  for (size_t n = 0; n < kText.size(); ++n) {
    EXPECT_EQ(ParseCode(kText.substr(0, n)), StatusCode::kDataLoss) << n;
  }
  Rng rng(5);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged(kText);
    damaged[rng.UniformInt(damaged.size())] = static_cast<char>(rng.UniformInt(256));
    const auto json = ParseJson(damaged);
    if (json.ok()) {
      EXPECT_TRUE(SerializeJson(*json).ok()) << damaged;
    }
  }
}

TEST(JsonWriterTest, EscapesAndReplacesBadBytes) {
  std::string out;
  AppendJsonString(out, std::string_view("a\"\\\n\x01\0\x7F\xC3\xA9\xFFz", 11));
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\\u0000\x7F\xC3\xA9\xEF\xBF\xBDz\"");
}

TEST(JsonWriterTest, WritesTheShortestNumbers) {
  std::string out;
  AppendJsonNumber(out, int64_t{-5});
  out += ' ';
  AppendJsonNumber(out, 0.1);
  out += ' ';
  AppendJsonNumber(out, 0.1f);
  out += ' ';
  AppendJsonNumber(out, 3.0);
  out += ' ';
  AppendJsonNumber(out, std::nan(""));
  EXPECT_EQ(out, "-5 0.1 0.1 3.0 null");
}

}  // namespace
}  // namespace tandem::format
