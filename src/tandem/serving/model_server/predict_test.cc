#include "tandem/serving/model_server/predict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tandem/bundle/query.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/serving/model_server/signature.h"
#include "tandem/serving/model_server/tensor_codec.h"

namespace tandem::model_server {
namespace {

using tensorflow::serving::PredictRequest;
using tensorflow::serving::PredictResponse;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class PredictTest : public ::testing::Test {
 protected:
  // A request with one DT_STRING input of this shape.
  static PredictRequest Request(const std::string& input, std::initializer_list<int64_t> shape,
                                const std::vector<std::string>& values) {
    PredictRequest request;
    tensorflow::TensorProto& tensor = (*request.mutable_inputs())[input];
    tensor.set_dtype(tensorflow::DT_STRING);
    for (const int64_t size : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(size);
    for (const std::string& value : values) tensor.add_string_val(value);
    return request;
  }
  static PredictRequest History(const std::vector<std::string>& items) {
    PredictRequest request = Request("history", {1, static_cast<int64_t>(items.size())}, items);
    request.mutable_model_spec()->set_signature_name(kFromHistory);
    return request;
  }
  const tensorflow::TensorProto& Ask(const PredictRequest& request) {
    const Status status = Error(request);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(response_.outputs_size(), 1);
    return response_.outputs().at("embedding_1");
  }
  Status Error(const PredictRequest& request) {
    response_.Clear();
    share_ = {};
    return Predict(bundle_, request, budget_, response_, share_);
  }
  std::vector<float> Embedding(std::string_view user) {
    const auto view = bundle::UserEmbedding(bundle_, user);
    return {view.begin(), view.end()};
  }

  static bundle::Bundle Tiny(model::QueryFeature query) {
    bundle::testing::TinyOptions options;
    options.config.query = query;
    return bundle::testing::TinyBundle(1, options);
  }

  const bundle::Bundle bundle_ = Tiny(model::QueryFeature::kHistory);
  AnswerBudget budget_{kMaxAnswerFloats + 10'000};
  PredictResponse response_;
  AnswerBudget::Share share_;
};

constexpr char kUser[] = "string_lookup_1_input";

TEST_F(PredictTest, AUserIdBecomesTheEmbeddingOfTheBundle) {
  const auto& output = Ask(Request(kUser, {1}, {"7"}));
  EXPECT_EQ(ShapeText(output.tensor_shape()), "[1, 8]");
  EXPECT_THAT(output.float_val(), ElementsAreArray(Embedding("7")));
  EXPECT_EQ(response_.model_spec().signature_name(), "serving_default");
}

TEST_F(PredictTest, ManyUsersComeInTheirOrderAndAnUnknownOneIsTheUnknownUser) {
  std::vector<float> expected = Embedding("3");
  for (const char* user : {"nobody", "40", "3"}) {
    const std::vector<float> next = Embedding(user);
    expected.insert(expected.end(), next.begin(), next.end());
  }
  const auto& output = Ask(Request(kUser, {4}, {"3", "nobody", "40", "3"}));
  EXPECT_EQ(ShapeText(output.tensor_shape()), "[4, 8]");
  EXPECT_THAT(output.float_val(), ElementsAreArray(expected));
  EXPECT_EQ(ShapeText(Ask(Request(kUser, {0}, {})).tensor_shape()), "[0, 8]");
}

TEST_F(PredictTest, AHistoryRunsTheTower) {
  // The history of user 5 as item ids gives the embedding that the bundle keeps for user 5.
  std::vector<std::string> items;
  for (const int32_t row : bundle_.users.history[4]) {
    items.push_back(bundle::testing::TinyItemId(row));
  }
  ASSERT_FALSE(items.empty());
  const auto& output = Ask(History(items));
  const std::vector<float> expected = Embedding("5");
  ASSERT_EQ(output.float_val_size(), 8);
  for (int i = 0; i < 8; ++i) {
    EXPECT_NEAR(output.float_val(i), expected[static_cast<size_t>(i)], 1e-5F) << i;
  }
}

TEST_F(PredictTest, AHistoryWithoutKnownItemsIsTheUnknownUser) {
  EXPECT_THAT(Ask(History({})).float_val(), ElementsAreArray(Embedding("nobody")));
  EXPECT_THAT(Ask(History({"no", "such"})).float_val(), ElementsAreArray(Embedding("nobody")));
}

TEST_F(PredictTest, AnUnknownSignatureIsAFailedPrecondition) {
  PredictRequest request = Request(kUser, {1}, {"7"});
  request.mutable_model_spec()->set_signature_name("classify");
  EXPECT_EQ(Error(request),
            FailedPreconditionError("Serving signature key \"classify\" not found."));
}

TEST_F(PredictTest, InputsThatAreNotThoseOfTheSignatureAreNamed) {
  EXPECT_EQ(Error(PredictRequest()),
            InvalidArgumentError("input size does not match signature: 0!=1 len({}) != "
                                 "len({string_lookup_1_input}). Sent extra: {}. Missing but "
                                 "required: {string_lookup_1_input}."));
  PredictRequest two = Request(kUser, {1}, {"7"});
  (*two.mutable_inputs())["a"].set_dtype(tensorflow::DT_STRING);
  EXPECT_EQ(Error(two),
            InvalidArgumentError("input size does not match signature: 2!=1 "
                                 "len({a,string_lookup_1_input}) != len({string_lookup_1_input}). "
                                 "Sent extra: {a}. Missing but required: {}."));
  EXPECT_EQ(Error(Request("user", {1}, {"7"})),
            InvalidArgumentError("input tensor alias not found in signature: user. Inputs expected "
                                 "to be in the set {string_lookup_1_input}."));
}

TEST_F(PredictTest, TheOutputFilterTakesTheOneOutputOnce) {
  PredictRequest request = Request(kUser, {1}, {"7"});
  request.add_output_filter("embedding_1");
  EXPECT_EQ(Ask(request).float_val_size(), 8);
  request.add_output_filter("embedding_1");
  EXPECT_EQ(Error(request), InvalidArgumentError("duplicate output tensor alias: embedding_1"));
  request.set_output_filter(1, "logits");
  EXPECT_EQ(Error(request),
            InvalidArgumentError("output tensor alias not found in signature: logits Outputs "
                                 "expected to be in the set {embedding_1}."));
}

TEST_F(PredictTest, TensorsOfAnotherShapeOrTypeAreInvalid) {
  EXPECT_THAT(Error(Request(kUser, {}, {"7"})).message(),
              "input string_lookup_1_input: expected the shape [n], got []");
  EXPECT_THAT(Error(Request(kUser, {1, 1}, {"7"})).message(),
              HasSubstr("expected the shape [n], got [1, 1]"));
  PredictRequest history = History({"101"});
  history.mutable_inputs()->at("history").mutable_tensor_shape()->mutable_dim(0)->set_size(0);
  history.mutable_inputs()->at("history").clear_string_val();
  EXPECT_THAT(Error(history).message(), "input history: expected the shape [1, n], got [0, 1]");
  PredictRequest floats;
  AllocateFloats({1}, (*floats.mutable_inputs())[kUser]);
  EXPECT_THAT(Error(floats).message(), HasSubstr("expected DT_STRING, got DT_FLOAT"));
}

TEST_F(PredictTest, AnAnswerIsBoundedWhateverTheRequestSaysOfItsShape) {
  // One string that stands for more users than an answer holds: 262144 floats / 8.
  EXPECT_TRUE(Error(Request(kUser, {32768}, {"7"})).ok());
  EXPECT_EQ(Error(Request(kUser, {131072}, {"7"})),
            InvalidArgumentError("input string_lookup_1_input: the shape [131072] asks for more "
                                 "than 32768 users: an answer holds at most 262144 floats, 8 a "
                                 "user"));
  EXPECT_EQ(Error(Request(kUser, {32769}, {"7"})).code(), StatusCode::kInvalidArgument);
}

TEST_F(PredictTest, LargeAnswersShareABudgetAndSmallOnesDoNot) {
  // The budget of the test holds 10000 floats beside the largest answer.
  ASSERT_TRUE(Error(Request(kUser, {32768}, {"7"})).ok());
  const AnswerBudget::Share held = std::move(share_);
  EXPECT_FALSE(held.empty());
  EXPECT_TRUE(Error(Request(kUser, {1250}, {"7"})).ok()) << "10000 floats";
  EXPECT_EQ(Error(Request(kUser, {1251}, {"7"})),
            ResourceExhaustedError("input string_lookup_1_input: an answer of 10008 floats has no "
                                   "room beside other large ones, of 272144 floats in all; try "
                                   "again, or ask for fewer users at once"));
  ASSERT_TRUE(Error(Request(kUser, {1250}, {"7"})).ok()) << "what was refused holds nothing";
  const AnswerBudget::Share rest = std::move(share_);
  EXPECT_EQ(Error(Request(kUser, {65}, {"7"})).code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(Error(Request(kUser, {64}, {"7"})).ok()) << "512 floats are small";
  EXPECT_TRUE(share_.empty());
}

TEST_F(PredictTest, SignaturesSayWhatPredictTakesAndGives) {
  const tensorflow::serving::SignatureDefMap map = Signatures(bundle_);
  const auto& signatures = map.signature_def();
  ASSERT_EQ(signatures.size(), 2);
  const auto& by_id = signatures.at("serving_default");
  EXPECT_EQ(by_id.method_name(), "tensorflow/serving/predict");
  EXPECT_EQ(by_id.inputs().at(kUser).dtype(), tensorflow::DT_STRING);
  EXPECT_EQ(ShapeText(by_id.inputs().at(kUser).tensor_shape()), "[-1]");
  EXPECT_EQ(ShapeText(by_id.outputs().at("embedding_1").tensor_shape()), "[-1, 8]");
  EXPECT_EQ(ShapeText(signatures.at("from_history").inputs().at("history").tensor_shape()),
            "[1, -1]");
}

TEST_F(PredictTest, AModelThatKnowsUsersByIdAloneHasNoHistorySignature) {
  const bundle::Bundle by_id = Tiny(model::QueryFeature::kUserId);
  EXPECT_EQ(Signatures(by_id).signature_def_size(), 1);
  EXPECT_EQ(Predict(by_id, History({"101"}), budget_, response_, share_).code(),
            StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace tandem::model_server
