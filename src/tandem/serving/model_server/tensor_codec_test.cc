#include "tandem/serving/model_server/tensor_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tandem::model_server {
namespace {

using tensorflow::TensorProto;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TensorProto Strings(std::initializer_list<int64_t> shape, std::initializer_list<const char*> list) {
  TensorProto tensor;
  tensor.set_dtype(tensorflow::DT_STRING);
  for (const int64_t size : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(size);
  for (const char* value : list) tensor.add_string_val(value);
  return tensor;
}

std::string ErrorOf(const TensorProto& tensor, int64_t max_elements = 100) {
  const auto decoded = DecodeStrings(tensor, max_elements);
  EXPECT_EQ(decoded.status().code(), StatusCode::kInvalidArgument);
  return decoded.status().message();
}

TEST(TensorCodecTest, StringsOfTheListComeInOrder) {
  EXPECT_THAT(DecodeStrings(Strings({3}, {"a", "", "c"}), 3).value(), ElementsAre("a", "", "c"));
  EXPECT_THAT(DecodeStrings(Strings({1, 2}, {"a", "b"}), 2).value(), ElementsAre("a", "b"));
  EXPECT_THAT(DecodeStrings(Strings({}, {"scalar"}), 1).value(), ElementsAre("scalar"));
  EXPECT_THAT(DecodeStrings(Strings({0}, {}), 1).value(), IsEmpty());
  EXPECT_THAT(DecodeStrings(Strings({0, 1 << 30}, {}), 1).value(), IsEmpty());
}

TEST(TensorCodecTest, AShortListGoesOnWithItsLastElement) {
  EXPECT_THAT(DecodeStrings(Strings({4}, {"a", "b"}), 4).value(), ElementsAre("a", "b", "b", "b"));
}

TEST(TensorCodecTest, TensorContentHoldsLengthsAndThenBytes) {
  // Three strings of 2, 0 and 200 bytes; 200 as a varint is c8 01.
  TensorProto tensor = Strings({3}, {});
  tensor.set_tensor_content(std::string("\x02\x00\xc8\x01", 4) + "ab" + std::string(200, 'x'));
  EXPECT_THAT(DecodeStrings(tensor, 3).value(), ElementsAre("ab", "", std::string(200, 'x')));
}

TEST(TensorCodecTest, TensorContentCutAtAnyByteIsAnError) {
  const std::string whole = std::string("\x02\x00\x03", 3) + "abcde";
  TensorProto tensor = Strings({3}, {});
  tensor.set_tensor_content(whole);
  ASSERT_TRUE(DecodeStrings(tensor, 3).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    tensor.set_tensor_content(whole.substr(0, size));
    EXPECT_FALSE(DecodeStrings(tensor, 3).ok()) << size;
  }
  tensor.set_tensor_content(whole + "f");
  EXPECT_THAT(ErrorOf(tensor), HasSubstr("1 bytes after its 3 strings"));
}

TEST(TensorCodecTest, WhatDoesNotFitIsToldWithItsShape) {
  EXPECT_THAT(ErrorOf(Strings({2}, {"a", "b", "c"})), "the shape [2] has 2 elements, the tensor 3");
  EXPECT_THAT(ErrorOf(Strings({2}, {})), "the shape [2] has 2 elements, the tensor 0");
  EXPECT_THAT(ErrorOf(Strings({2, -1}, {"a"})), "the shape [2, -1] has a negative size");
  EXPECT_THAT(ErrorOf(Strings({101}, {"a"})), "the shape [101] has more than 100 elements");
  TensorProto unknown = Strings({}, {"a"});
  unknown.mutable_tensor_shape()->set_unknown_rank(true);
  EXPECT_THAT(ErrorOf(unknown), "the shape has an unknown rank");
  TensorProto other = Strings({1}, {"a"});
  other.set_dtype(tensorflow::DT_INT64);
  EXPECT_THAT(ErrorOf(other), "expected DT_STRING, got DT_INT64");
  tensorflow::TensorProto strange = other;
  strange.set_dtype(static_cast<tensorflow::DataType>(77));
  EXPECT_THAT(ErrorOf(strange), "expected DT_STRING, got dtype 77");
}

TEST(TensorCodecTest, SizesWhoseProductOverflowsAreOverTheBound) {
  // 2^32 * 2^32 is 0 in 64 bits.
  EXPECT_THAT(ErrorOf(Strings({int64_t{1} << 32, int64_t{1} << 32}, {"a"})),
              HasSubstr("more than 100 elements"));
  // Many strings told by few bytes: 10 bytes cannot hold 50 lengths.
  TensorProto tensor = Strings({50}, {});
  tensor.set_tensor_content(std::string(10, '\0'));
  EXPECT_THAT(ErrorOf(tensor), HasSubstr("too few for 50 strings"));
}

TEST(TensorCodecTest, FloatsAreOfTheirShapeAndInTheListOfTheirType) {
  TensorProto tensor;
  float* values = AllocateFloats({2, 3}, tensor);
  for (int i = 0; i < 6; ++i) values[i] = static_cast<float>(i);
  EXPECT_EQ(tensor.dtype(), tensorflow::DT_FLOAT);
  EXPECT_EQ(ShapeText(tensor.tensor_shape()), "[2, 3]");
  EXPECT_THAT(tensor.float_val(), ElementsAre(0, 1, 2, 3, 4, 5));
}

}  // namespace
}  // namespace tandem::model_server
