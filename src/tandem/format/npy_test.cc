#include "tandem/format/npy.h"

#include <gtest/gtest.h>

#include "tandem/base/rng.h"

namespace tandem::format {
namespace {

using Shape = std::vector<int64_t>;

// Version 1: magic, 1, 0, the header's length in two bytes, header, data.
std::string File(const std::string& header, std::string_view data) {
  std::string file("\x93NUMPY\x01\0", 8);
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  return file + header + std::string(data);
}

std::string Header(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

// 1.0f is 0x3F800000 and -2.0f 0xC0000000, least significant byte first.
constexpr std::string_view kTwoFloats("\0\0\x80\x3F\0\0\0\xC0", 8);

TEST(NpyTest, ReadsBothVersions) {
  const std::string header = Header("<f4", "False", "(2,)");
  const auto first = ReadNpyFloats(File(header, kTwoFloats));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->shape, Shape{2});
  EXPECT_EQ(first->values, (std::vector<float>{1.0f, -2.0f}));
  std::string file("\x93NUMPY\x02\0", 8);  // version 2: four bytes of length
  file += static_cast<char>(header.size());
  file += std::string(3, '\0') + header + std::string(kTwoFloats);
  const auto second = ReadNpyFloats(file);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->values, first->values);
}

TEST(NpyTest, ReadsBackWhatItWrote) {
  const std::vector<int64_t> values = {1, -2, 3, int64_t{1} << 62, 5, 6};
  const Shape shape = {2, 3};
  const std::string file = *WriteNpy(shape, values);
  EXPECT_EQ(file.size() % 64, 48u);  // 6 values of 8 bytes behind a multiple of 64
  const auto back = ReadNpyInt64s(file);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->shape, shape);
  EXPECT_EQ(back->values, values);
  EXPECT_EQ(ReadNpyFloats(file).status().code(), StatusCode::kInvalidArgument);
  const Shape empty = {0, 4};
  EXPECT_EQ(ReadNpyFloats(*WriteNpy(empty, std::vector<float>()))->shape, empty);
}

TEST(NpyTest, ShowsTheValuesWhereTheyLie) {
  const Shape shape = {1, 2};
  const std::string file = *WriteNpy(shape, std::vector<float>{1.0F, -2.0F});
  const auto view = ViewNpyFloats(file);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->shape, shape);
  EXPECT_EQ(view->bytes, kTwoFloats);
  EXPECT_EQ(view->bytes.data(), file.data() + file.size() - 8);
}

TEST(NpyTest, RefusesOtherArrays) {
  for (const std::string& header :
       {Header("<f4", "True", "(2,)"), Header(">f4", "False", "(2,)"),
        Header("<f4", "False", "(3,)"), Header("<f4", "False", "()"),
        Header("<f4", "False", "(1, 1, 2)"), Header("<f4", "False", "(-2,)"),
        Header("<f4", "False", "(4294967296, 4294967296)"), Header("<f4", "Maybe", "(2,)"),
        std::string("{'descr': '<f4', 'shape': (2,)}"),
        std::string("{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}"), std::string("{}")}) {
    const StatusCode code = ReadNpyFloats(File(header, kTwoFloats)).status().code();
    EXPECT_TRUE(code == StatusCode::kDataLoss || code == StatusCode::kInvalidArgument) << header;
  }
  const auto message = [](const std::string& header) {
    return ReadNpyFloats(File(header, kTwoFloats)).status().message();
  };
  EXPECT_EQ(message(Header("<f8", "False", "(1,)")),
            "npy: expected values of <f4, got '<f8'; save it as float32");
  EXPECT_EQ(message(Header("<f4", "False", "(1, 1, 2)")),
            "npy: expected a shape of one or two extents, got [1, 1, 2]");
  EXPECT_EQ(message(Header("<f4", "False", "()")),
            "npy: expected a shape of one or two extents, got []");
  const Shape cube = {1, 1, 2};
  const Shape three = {3};
  const std::vector<float> two = {1.0f, 2.0f};
  EXPECT_EQ(WriteNpy(cube, two).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteNpy(three, two).status().code(), StatusCode::kInvalidArgument);
}

TEST(NpyTest, EveryPrefixIsRefusedAndEveryDamageAnswered) {
  const Shape shape = {1, 2};
  const std::string file = *WriteNpy(shape, std::vector<float>{1.0f, -2.0f});
  for (size_t n = 0; n < file.size(); ++n) {
    EXPECT_EQ(ReadNpyFloats(file.substr(0, n)).status().code(), StatusCode::kDataLoss) << n;
  }
  Rng rng(17);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = file;
    damaged[rng.UniformInt(file.size())] = static_cast<char>(rng.UniformInt(256));
    const auto array = ReadNpyFloats(damaged);
    if (array.ok()) {
      EXPECT_EQ(array->values.size(), 2u);
    }
  }
}

}  // namespace
}  // namespace tandem::format
