#include "tandem/format/safetensors.h"

#include <gtest/gtest.h>

#include "tandem/base/rng.h"

namespace tandem::format {
namespace {

// The length as 8 little-endian bytes, the header padded to a multiple of 8, the data.
std::string File(std::string header, std::string_view data) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>((header.size() >> (8 * i)) & 0xFF);
  return file + header + std::string(data);
}

std::string Sample() {
  std::vector<NamedTensor> tensors;
  const std::vector<float> floats = {1.0f, -2.5f};
  const std::vector<std::string> strings = {"a", "", "bc"};
  tensors.push_back(MakeFloats("w", {2, 1}, floats));
  AddStrings("id", strings, tensors);
  return *WriteSafetensors(tensors, {{"k", "v"}});
}

TEST(SafetensorsTest, ReadsAFileOfTheFormat) {
  // 1.0f is 0x3F800000 and -2.0f 0xC0000000, least significant byte first.
  const std::string file = File(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                std::string_view("\0\0\x80\x3F\0\0\0\xC0", 8));
  const auto reader = SafetensorsReader::Parse(file);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TensorView& view = **reader->Get("x");
  EXPECT_EQ(view.shape, std::vector<int64_t>{2});
  EXPECT_EQ(*AsFloats(view), (std::vector<float>{1.0f, -2.0f}));
  EXPECT_EQ(AsInt64s(view).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(reader->Get("y").status().code(), StatusCode::kNotFound);
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  const std::string file = Sample();
  const auto reader = SafetensorsReader::Parse(file);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(*AsFloats(**reader->Get("w")), (std::vector<float>{1.0f, -2.5f}));
  EXPECT_EQ(*ReadStrings(*reader, "id"), (std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ(reader->metadata(), (Metadata{{"k", "v"}}));
  // 3 bytes of strings, 4 offsets of 8, 2 floats of 4: 43 behind a multiple of 64.
  EXPECT_EQ((file.size() - 43) % 64, 0u);
}

TEST(SafetensorsTest, RefusesHeadersThatDoNotFitTheData) {
  const auto tensor = [](std::string_view shape, std::string_view offsets) {
    return StrCat(R"({"dtype":"U8","shape":)", shape, R"(,"data_offsets":)", offsets, "}");
  };
  const std::string a = tensor("[2]", "[0,2]");
  const std::string headers[] = {
      "[]",
      "{\"a\":1}",
      "{\"a\":{}}",
      R"({"__metadata__":{"k":1}})",
      "{\"a\":" + tensor("[2]", "[0,2]") + "}",                      // rest
      "{\"a\":" + tensor("[4]", "[0,5]") + "}",                      // outside
      "{\"a\":" + tensor("[4]", "[4,0]") + "}",                      // backwards
      "{\"a\":" + tensor("[-4]", "[0,4]") + "}",                     // negative
      "{\"a\":" + tensor("[4]", "[0]") + "}",                        // one offset
      "{\"a\":" + tensor("[5]", "[0,4]") + "}",                      // too few
      "{\"a\":" + tensor("[4294967296,4294967296]", "[0,0]") + "}",  // overflow
      "{\"a\":" + a + ",\"b\":" + tensor("[3]", "[1,4]") + "}",      // overlap
      "{\"a\":" + a + ",\"b\":" + tensor("[1]", "[3,4]") + "}",      // hole
      "{\"a\":" + a + ",\"a\":" + tensor("[2]", "[2,4]") + "}",      // twice
      R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})",
  };
  for (const std::string& header : headers) {
    const std::string file = File(header, "1234");
    EXPECT_EQ(SafetensorsReader::Parse(file).status().code(), StatusCode::kDataLoss) << header;
  }
}

TEST(SafetensorsTest, RefusesToWriteWhatItCouldNotRead) {
  const NamedTensor short_one{"a", Dtype::kF32, {2}, "1234"};
  const NamedTensor fine{"a", Dtype::kU8, {1}, "1"};
  const NamedTensor reserved{"__metadata__", Dtype::kU8, {1}, "1"};
  EXPECT_EQ(WriteSafetensors({short_one}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteSafetensors({fine, fine}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteSafetensors({reserved}).status().code(), StatusCode::kInvalidArgument);
}

TEST(SafetensorsTest, ChecksTheOffsetsOfStrings) {
  for (const std::vector<int64_t>& offsets : std::vector<std::vector<int64_t>>{
           {}, {0}, {1, 3}, {0, 2}, {0, 4}, {0, 2, 1, 3}, {0, -1, 3}}) {
    const std::vector<NamedTensor> tensors = {
        {"s.bytes", Dtype::kU8, {3}, "abc"},
        MakeInt64s("s.offsets", {static_cast<int64_t>(offsets.size())}, offsets)};
    const std::string file = *WriteSafetensors(tensors);
    const auto reader = SafetensorsReader::Parse(file);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(ReadStrings(*reader, "s").status().code(), StatusCode::kDataLoss);
  }
}

TEST(SafetensorsTest, EveryPrefixIsRefusedAndEveryDamageAnswered) {
  const std::string file = Sample();
  for (size_t n = 0; n < file.size(); ++n) {
    const std::string prefix = file.substr(0, n);
    EXPECT_EQ(SafetensorsReader::Parse(prefix).status().code(), StatusCode::kDataLoss) << n;
  }
  Rng rng(13);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = file;
    damaged[rng.UniformInt(file.size())] ^= static_cast<char>(1 << rng.UniformInt(8));
    const auto reader = SafetensorsReader::Parse(damaged);
    if (!reader.ok()) {
      EXPECT_EQ(reader.status().code(), StatusCode::kDataLoss);
    } else if (!ReadStrings(*reader, "id").ok()) {
      EXPECT_NE(ReadStrings(*reader, "id").status().code(), StatusCode::kInternal);
    }
  }
}

}  // namespace
}  // namespace tandem::format
