// The bytes of the wire, written out by hand: tag = field number * 8 + wire type.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "tandem/serving/wire/model_service.grpc.pb.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace {

using tensorflow::TensorProto;

TEST(WireTest, ATensorOfOneFloatHasTheBytesOfTensorFlow) {
  TensorProto tensor;
  tensor.set_dtype(tensorflow::DT_FLOAT);
  tensor.mutable_tensor_shape()->add_dim()->set_size(1);
  tensor.add_float_val(1.0F);
  // dtype: 1*8+0 = 08, 1. shape: 2*8+2 = 12, 4 bytes {dim: 2*8+2 = 12, 2 bytes {08 01}}.
  // float_val packed: 5*8+2 = 2a, 4 bytes, 1.0f = 3f800000 little-endian.
  EXPECT_EQ(tensor.SerializeAsString(),
            std::string("\x08\x01\x12\x04\x12\x02\x08\x01\x2a\x04\x00\x00\x80\x3f", 14));
}

TEST(WireTest, APredictRequestOfTheOriginalClientDecodes) {
  // model_spec 0a {name 0a "m", signature_name 1a "s"}, inputs 12 {key 0a "x", value 12 {dtype
  // DT_STRING 08 07, string_val 8*8+2 = 42 "42"}}.
  const std::string bytes(
      "\x0a\x06\x0a\x01m\x1a\x01s\x12\x0b\x0a\x01x\x12\x06\x08\x07\x42\x02"
      "42",
      21);
  tensorflow::serving::PredictRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  EXPECT_EQ(request.model_spec().name(), "m");
  EXPECT_EQ(request.model_spec().signature_name(), "s");
  EXPECT_EQ(request.inputs().at("x").dtype(), tensorflow::DT_STRING);
  EXPECT_EQ(request.inputs().at("x").string_val(0), "42");
}

TEST(WireTest, OutputsComeBeforeTheSpecInAPredictResponse) {
  tensorflow::serving::PredictResponse response;
  response.mutable_model_spec()->set_name("m");
  EXPECT_EQ(response.SerializeAsString(), std::string("\x12\x03\x0a\x01m", 5));
}

TEST(WireTest, TheStatusJsonKeepsTheNamesOfTheRestInterface) {
  tensorflow::serving::GetModelStatusResponse response;
  auto* version = response.add_model_version_status();
  version->set_version(123);
  version->set_state(tensorflow::serving::ModelVersionStatus::AVAILABLE);
  version->mutable_status()->set_error_message("e");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(response, &json).ok());
  EXPECT_EQ(json, R"({"model_version_status":[{"version":"123","state":"AVAILABLE",)"
                  R"("status":{"error_message":"e"}}]})");
}

TEST(WireTest, TheServicesHaveTheirPaths) {
  EXPECT_STREQ(tensorflow::serving::PredictionService::service_full_name(),
               "tensorflow.serving.PredictionService");
  EXPECT_STREQ(tensorflow::serving::ModelService::service_full_name(),
               "tensorflow.serving.ModelService");
}

}  // namespace
