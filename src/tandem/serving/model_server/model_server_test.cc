// A real server on loopback, asked through gRPC's own client.
#include "tandem/serving/model_server/model_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/bundle/writer.h"
#include "tandem/serving/wire/model_service.grpc.pb.h"
#include "tandem/serving/wire/prediction_service.grpc.pb.h"

namespace tandem::model_server {
namespace {

namespace wire = tensorflow::serving;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kBase[] = "/bundles";

class ModelServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Write(1); }

  // Another seed is another embedding space.
  void Write(uint64_t seed) {
    const auto written = bundle::WriteNextVersion(env_, kBase, bundle::testing::TinyBundle(seed));
    ASSERT_TRUE(written.ok()) << written.status();
  }
  // Until it is ready.
  void Start() {
    StartAt(kBase);
    for (int i = 0; i < 30'000 && !server_->Readiness().ok(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(server_->Readiness().ok()) << server_->Readiness().status();
  }
  void StartAt(const std::string& base) {
    ModelServerOptions options;
    options.model_name = "user_model";
    options.model_base_path = base;
    options.grpc = {.address = "127.0.0.1"};
    options.poll_interval = std::chrono::milliseconds(5);
    auto server = ModelServer::Start(env_, options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(server).value();
    const auto channel = grpc::CreateChannel(StrCat("127.0.0.1:", server_->port()),
                                             grpc::InsecureChannelCredentials());
    predictions_ = wire::PredictionService::NewStub(channel);
    models_ = wire::ModelService::NewStub(channel);
  }

  struct Answer {
    grpc::Status status;
    wire::PredictResponse response;
    std::string bundle;  // the metadata tandem-bundle
  };
  Answer Ask(const wire::ModelSpec& spec, const std::string& wanted_bundle = "") {
    wire::PredictRequest request;
    *request.mutable_model_spec() = spec;
    tensorflow::TensorProto& input = (*request.mutable_inputs())["string_lookup_1_input"];
    input.set_dtype(tensorflow::DT_STRING);
    input.mutable_tensor_shape()->add_dim()->set_size(1);
    input.add_string_val("7");
    Answer answer;
    grpc::ClientContext context;
    if (!wanted_bundle.empty()) context.AddMetadata("tandem-bundle", wanted_bundle);
    answer.status = predictions_->Predict(&context, request, &answer.response);
    const auto found = context.GetServerInitialMetadata().find("tandem-bundle");
    if (found != context.GetServerInitialMetadata().end()) {
      answer.bundle = std::string(found->second.data(), found->second.size());
    }
    return answer;
  }
  static wire::ModelSpec Spec(int64_t version = 0) {
    wire::ModelSpec spec;
    spec.set_name("user_model");
    if (version > 0) spec.mutable_version()->set_value(version);
    return spec;
  }
  std::vector<float> ExpectedOf(int64_t version) {
    const auto bundle = bundle::ReadVersion(env_, StrCat(kBase, "/", version)).value();
    const auto view = bundle::UserEmbedding(*bundle, "7");
    return {view.begin(), view.end()};
  }
  wire::GetModelStatusResponse Statuses() {
    wire::GetModelStatusRequest request;
    request.mutable_model_spec()->set_name("user_model");
    wire::GetModelStatusResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(models_->GetModelStatus(&context, request, &response).ok());
    return response;
  }
  void WaitForNewest(int64_t version) {
    for (int i = 0; i < 1000; ++i) {
      if (Ask(Spec()).response.model_spec().version().value() == version) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "version " << version << " does not come";
  }

  MemoryEnv env_;
  std::unique_ptr<ModelServer> server_;
  std::unique_ptr<wire::PredictionService::Stub> predictions_;
  std::unique_ptr<wire::ModelService::Stub> models_;
};

TEST_F(ModelServerTest, AnswersWithTheVersionAndTheFingerprintOfItsBundle) {
  Start();
  const Answer answer = Ask(Spec());
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.model_spec().name(), "user_model");
  EXPECT_EQ(answer.response.model_spec().version().value(), 1);
  EXPECT_EQ(answer.response.model_spec().signature_name(), "serving_default");
  EXPECT_THAT(answer.response.outputs().at("embedding_1").float_val(),
              ElementsAreArray(ExpectedOf(1)));
  EXPECT_EQ(answer.bundle, bundle::ReadVersion(env_, "/bundles/1").value()->fingerprint);
}

// One string that stands for 32768 users of 8 floats: the largest answer. The budget of the server
// has room for 8 of them; it comes back with each answer.
TEST_F(ModelServerTest, LargeAnswersAreBoundedTogetherAndSmallOnesGoOn) {
  Start();
  wire::PredictRequest request;
  *request.mutable_model_spec() = Spec();
  tensorflow::TensorProto& input = (*request.mutable_inputs())["string_lookup_1_input"];
  input.set_dtype(tensorflow::DT_STRING);
  input.mutable_tensor_shape()->add_dim()->set_size(32768);
  input.add_string_val("7");
  std::atomic<int> whole = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> clients;
    for (int t = 0; t < 30; ++t) {
      clients.emplace_back([&] {
        for (int i = 0; i < 3; ++i) {
          wire::PredictResponse response;
          grpc::ClientContext context;
          const grpc::Status status = predictions_->Predict(&context, request, &response);
          if (status.ok()) {
            ++(response.outputs().at("embedding_1").float_val_size() == 262144 ? whole : wrong);
          } else {
            ++(status.error_code() == grpc::RESOURCE_EXHAUSTED ? refused : wrong);
          }
        }
      });
    }
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(Ask(Spec()).status.ok());
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(whole, 8);
  EXPECT_EQ(whole + refused, 90);
  const auto ask = [&] {
    wire::PredictResponse response;
    grpc::ClientContext context;
    return predictions_->Predict(&context, request, &response).error_code();
  };
  // A client has its answer a moment before the server gives the room back.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto eventually = [&] {
    grpc::StatusCode code = ask();
    while (code == grpc::RESOURCE_EXHAUSTED && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      code = ask();
    }
    return code;
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(i == 0 ? eventually() : ask(), grpc::OK) << i;
}

TEST_F(ModelServerTest, SwapsANewVersionInAndKeepsTheOneBefore) {
  Start();
  Write(2);
  WaitForNewest(2);
  EXPECT_THAT(Ask(Spec()).response.outputs().at("embedding_1").float_val(),
              ElementsAreArray(ExpectedOf(2)));
  EXPECT_THAT(Ask(Spec(1)).response.outputs().at("embedding_1").float_val(),
              ElementsAreArray(ExpectedOf(1)));
  EXPECT_NE(Ask(Spec(1)).bundle, Ask(Spec(2)).bundle);
  Write(3);
  WaitForNewest(3);
  for (int i = 0; i < 1000 && Ask(Spec(1)).status.ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Ask(Spec(1)).status.error_message(),
            "Servable not found for request: Specific(user_model, 1)");
  EXPECT_TRUE(Ask(Spec(2)).status.ok());
}

TEST_F(ModelServerTest, ABundleThatIsAskedForIsServedWhateverItsNumberOrRefused) {
  Write(2);
  Start();
  while (!Ask(Spec(1)).status.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::string first = Ask(Spec(1)).bundle;
  const std::string second = Ask(Spec(2)).bundle;
  EXPECT_EQ(Ask(Spec(2), second).bundle, second);
  // The client's version 2, or 9, is what is version 1 here.
  for (const int64_t version : {2, 9}) {
    const Answer answer = Ask(Spec(version), first);
    EXPECT_EQ(answer.bundle, first);
    EXPECT_EQ(answer.response.model_spec().version().value(), 1);
    EXPECT_THAT(answer.response.outputs().at("embedding_1").float_val(),
                ElementsAreArray(ExpectedOf(1)));
  }
  for (const int64_t version : {0, 1, 9}) {
    const grpc::Status refused = Ask(Spec(version), "0123").status;
    EXPECT_EQ(refused.error_code(), grpc::FAILED_PRECONDITION);
    EXPECT_EQ(refused.error_message(), StrCat("bundle 0123 is not served here; served: ", second,
                                              " as version 2, ", first, " as version 1"));
  }
  wire::ModelSpec other;
  other.set_name("other");
  EXPECT_EQ(Ask(other, first).status.error_code(), grpc::NOT_FOUND);
}

TEST_F(ModelServerTest, RefusesADamagedVersionAndServesOn) {
  Start();
  Write(2);
  WaitForNewest(2);
  // Version 3 comes whole into view, as a rename does, with one byte changed.
  bundle::WriteNextVersion(env_, "/elsewhere", bundle::testing::TinyBundle(3)).value();
  std::string bytes = env_.ReadFile("/elsewhere/1/users.safetensors").value();
  bytes[bytes.size() - 1] = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(env_.WriteFile("/elsewhere/1/users.safetensors", bytes).ok());
  ASSERT_TRUE(env_.Rename("/elsewhere/1", "/bundles/3").ok());
  for (int i = 0; i < 1000 && Statuses().model_version_status_size() < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (int i = 0;
       i < 1000 && Statuses().model_version_status(0).state() == wire::ModelVersionStatus::LOADING;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const wire::ModelVersionStatus refused = Statuses().model_version_status(0);
  EXPECT_EQ(refused.version(), 3);
  EXPECT_EQ(refused.state(), wire::ModelVersionStatus::END);
  EXPECT_EQ(refused.status().error_code(), tensorflow::error::DATA_LOSS);
  EXPECT_THAT(refused.status().error_message(), HasSubstr("users.safetensors"));
  EXPECT_EQ(Ask(Spec()).response.model_spec().version().value(), 2);
  EXPECT_EQ(Statuses().model_version_status(1).state(), wire::ModelVersionStatus::AVAILABLE);
}

TEST_F(ModelServerTest, ErrorsHaveTheCodesAndWordsOfTensorFlowServing) {
  Start();
  const auto expect = [](const grpc::Status& status, grpc::StatusCode code, const char* message) {
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), message);
  };
  expect(Ask({}).status, grpc::INVALID_ARGUMENT, "ModelSpec has no name specified.");
  wire::ModelSpec other;
  other.set_name("other");
  expect(Ask(other).status, grpc::NOT_FOUND, "Servable not found for request: Latest(other)");
  expect(Ask(Spec(9)).status, grpc::NOT_FOUND,
         "Servable not found for request: Specific(user_model, 9)");
  wire::ModelSpec label = Spec();
  label.set_version_label("stable");
  expect(Ask(label).status, grpc::INVALID_ARGUMENT, "Unrecognized servable version label: stable");
  wire::ModelSpec signature = Spec();
  signature.set_signature_name(std::string(2000, 'x'));
  const grpc::Status cut = Ask(signature).status;
  EXPECT_EQ(cut.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(cut.error_message(),
            "Serving signature key \"" + std::string(1024 - 23, 'x') + "...TRUNCATED");
}

TEST_F(ModelServerTest, MetadataHoldsTheSignatures) {
  Start();
  wire::GetModelMetadataRequest request;
  wire::GetModelMetadataResponse response;
  const auto ask = [&] {
    grpc::ClientContext context;
    response.Clear();
    return predictions_->GetModelMetadata(&context, request, &response);
  };
  EXPECT_EQ(ask().error_message(), "Missing ModelSpec");
  *request.mutable_model_spec() = Spec();
  EXPECT_EQ(ask().error_message(),
            "GetModelMetadataRequest must specify at least one metadata_field");
  request.add_metadata_field("weights");
  EXPECT_EQ(ask().error_message(), "Metadata field weights is not supported");
  request.set_metadata_field(0, "signature_def");
  ASSERT_TRUE(ask().ok());
  EXPECT_EQ(response.model_spec().version().value(), 1);
  const google::protobuf::Any& any = response.metadata().at("signature_def");
  EXPECT_EQ(any.type_url(), "type.googleapis.com/tensorflow.serving.SignatureDefMap");
  wire::SignatureDefMap map;
  ASSERT_TRUE(any.UnpackTo(&map));
  EXPECT_EQ(map.signature_def().count("serving_default"), 1U);
}

TEST_F(ModelServerTest, StatusOfWhatIsNotThereIsNotFound) {
  Start();
  wire::GetModelStatusRequest request;
  wire::GetModelStatusResponse response;
  const auto ask = [&] {
    grpc::ClientContext context;
    return models_->GetModelStatus(&context, request, &response);
  };
  EXPECT_EQ(ask().error_message(), "Missing ModelSpec");
  request.mutable_model_spec()->set_name("other");
  EXPECT_EQ(ask().error_message(), "Could not find any versions of model other");
  *request.mutable_model_spec() = Spec(9);
  EXPECT_EQ(ask().error_message(), "Could not find version 9 of model user_model");
  EXPECT_EQ(ask().error_code(), grpc::NOT_FOUND);
}

TEST_F(ModelServerTest, DoesNotStartWithoutItsBasePath) {
  ModelServerOptions options;
  options.model_base_path = "/nowhere";
  EXPECT_EQ(ModelServer::Start(env_, options).status().code(), StatusCode::kNotFound);
}

TEST_F(ModelServerTest, IsNotReadyUntilAGoodVersionComesAndSaysWhy) {
  std::string manifest = env_.ReadFile("/bundles/1/manifest.json").value();
  ASSERT_TRUE(
      env_.WriteFile("/bundles/1/manifest.json", manifest.substr(0, manifest.size() / 2)).ok());
  StartAt(kBase);
  while (server_->Readiness().status().code() != StatusCode::kDataLoss) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(server_->Readiness().status().message(),
              StartsWith("version 1 is refused: /bundles/1: manifest.json"));
  EXPECT_EQ(Ask(Spec()).status.error_message(),
            "Servable not found for request: Latest(user_model)");
  EXPECT_EQ(Statuses().model_version_status(0).state(), wire::ModelVersionStatus::END);
  Write(2);
  WaitForNewest(2);
  EXPECT_EQ(server_->Readiness().value(), 2);
  server_->AnnounceShutdown();
  EXPECT_EQ(server_->Readiness().status().code(), StatusCode::kUnavailable);
}

TEST_F(ModelServerTest, AnnouncedShutdownStillAnswersUntilTheDrain) {
  Start();
  server_->AnnounceShutdown();
  EXPECT_TRUE(Ask(Spec()).status.ok());
  server_->Drain(std::chrono::seconds(5));
  EXPECT_EQ(Ask(Spec()).status.error_code(), grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace tandem::model_server
