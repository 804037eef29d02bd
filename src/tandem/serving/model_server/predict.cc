#include "tandem/serving/model_server/predict.h"

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tandem/bundle/query.h"
#include "tandem/serving/model_server/signature.h"
#include "tandem/serving/model_server/tensor_codec.h"

namespace tandem::model_server {
namespace {

using tensorflow::TensorProto;
using tensorflow::serving::PredictRequest;
using tensorflow::serving::PredictResponse;

Result<const TensorProto*> OnlyInput(const PredictRequest& request, const std::string& expected) {
  const auto found = request.inputs().find(expected);
  if (found != request.inputs().end() && request.inputs_size() == 1) return &found->second;
  std::set<std::string> sent;  // sorted: a map of Protobuf has no order
  for (const auto& [name, tensor] : request.inputs()) sent.insert(name);
  if (sent.size() == 1) {
    return InvalidArgumentError("input tensor alias not found in signature: ", *sent.begin(),
                                ". Inputs expected to be in the set {", expected, "}.");
  }
  std::string all;
  std::string extra;
  for (const std::string& name : sent) {
    all += (all.empty() ? "" : ",") + name;
    if (name != expected) extra += (extra.empty() ? "" : ",") + name;
  }
  const bool missing = sent.count(expected) == 0;
  return InvalidArgumentError("input size does not match signature: ", sent.size(), "!=1 len({",
                              all, "}) != len({", expected, "}). Sent extra: {", extra,
                              "}. Missing but required: {", missing ? expected : "", "}.");
}

Status CheckOutputFilter(const PredictRequest& request, const std::string& output) {
  for (const std::string& name : request.output_filter()) {
    if (name == output) continue;
    return InvalidArgumentError("output tensor alias not found in signature: ", name,
                                " Outputs expected to be in the set {", output, "}.");
  }
  if (request.output_filter_size() > 1) {
    return InvalidArgumentError("duplicate output tensor alias: ", output);
  }
  return {};
}

Status CheckRank(const TensorProto& tensor, int rank, const std::string& expected) {
  if (tensor.tensor_shape().unknown_rank() || tensor.tensor_shape().dim_size() == rank) return {};
  return InvalidArgumentError("expected the shape ", expected, ", got ",
                              ShapeText(tensor.tensor_shape()));
}

Status EncodeUsers(const bundle::Bundle& bundle, const TensorProto& input, AnswerBudget& budget,
                   TensorProto& output, AnswerBudget::Share& share) {
  TANDEM_RETURN_IF_ERROR(CheckRank(input, 1, "[n]"));
  const int64_t d = bundle.dimension();
  const int64_t max_users = kMaxAnswerFloats / d;
  if (input.tensor_shape().dim_size() == 1) {
    const int64_t users = input.tensor_shape().dim(0).size();
    if (users > max_users) {
      return InvalidArgumentError("the shape [", users, "] asks for more than ", max_users,
                                  " users: an answer holds at most ", kMaxAnswerFloats, " floats, ",
                                  d, " a user");
    }
    TANDEM_ASSIGN_OR_RETURN(share, budget.Take(users * d));
  }
  TANDEM_ASSIGN_OR_RETURN(const auto ids, DecodeStrings(input, max_users));
  float* to = AllocateFloats({static_cast<int64_t>(ids.size()), d}, output);
  for (const std::string_view id : ids) {
    const std::span<const float> embedding = bundle::UserEmbedding(bundle, id);
    to = std::copy(embedding.begin(), embedding.end(), to);
  }
  return {};
}

Status EncodeOneHistory(const bundle::Bundle& bundle, const TensorProto& input,
                        TensorProto& output) {
  TANDEM_RETURN_IF_ERROR(CheckRank(input, 2, "[1, n]"));
  TANDEM_ASSIGN_OR_RETURN(const auto ids, DecodeStrings(input, kMaxHistory));
  if (input.tensor_shape().dim(0).size() != 1) {
    return InvalidArgumentError("expected the shape [1, n], got ", ShapeText(input.tensor_shape()));
  }
  std::vector<int32_t> rows;
  rows.reserve(ids.size());
  for (const std::string_view id : ids) {
    const int32_t row = bundle.ItemRow(id);
    if (row >= 0) rows.push_back(row);
  }
  TANDEM_ASSIGN_OR_RETURN(const std::vector<float> embedding, bundle::EncodeHistory(bundle, rows));
  float* to = AllocateFloats({1, bundle.dimension()}, output);
  std::copy(embedding.begin(), embedding.end(), to);
  return {};
}

}  // namespace

Status Predict(const bundle::Bundle& bundle, const PredictRequest& request, AnswerBudget& budget,
               PredictResponse& response, AnswerBudget::Share& share) {
  const std::string& asked = request.model_spec().signature_name();
  const std::string signature = asked.empty() ? kServingDefault : asked;
  const bool by_history = signature == kFromHistory && bundle::TakesHistory(bundle);
  if (!by_history && signature != kServingDefault) {
    return FailedPreconditionError("Serving signature key \"", signature, "\" not found.");
  }
  const bundle::SignatureNames& names = bundle.signature;
  const std::string& name = by_history ? names.history_input : names.user_input;
  TANDEM_ASSIGN_OR_RETURN(const TensorProto* input, OnlyInput(request, name));
  TANDEM_RETURN_IF_ERROR(CheckOutputFilter(request, names.embedding_output));

  TensorProto& output = (*response.mutable_outputs())[names.embedding_output];
  const Status encoded = by_history ? EncodeOneHistory(bundle, *input, output)
                                    : EncodeUsers(bundle, *input, budget, output, share);
  response.mutable_model_spec()->set_signature_name(signature);
  return encoded.WithContext(StrCat("input ", name));
}

}  // namespace tandem::model_server
