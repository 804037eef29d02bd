// Predict over one bundle: a request's tensors in, a response's tensors out, no transport.
//
// serving_default: DT_STRING [n] user ids -> DT_FLOAT [n, d] query embeddings; an unknown id gets
// that of the unknown user. from_history: DT_STRING [1, n] item ids -> DT_FLOAT [1, d]; unknown
// items are left out, an empty history is the unknown user.
// Errors have the codes and words of TensorFlow Serving: kFailedPrecondition for a signature that
// is not there, kInvalidArgument for inputs and outputs that do not fit it. Thread-safe.
#pragma once

#include "tandem/bundle/bundle.h"
#include "tandem/serving/model_server/answer_budget.h"
#include "tandem/serving/wire/prediction_service.pb.h"

namespace tandem::model_server {

// An answer has at most so many floats (1 MiB of them), a history so many items: a request of a
// few bytes can ask for many, one string that stands for all.
inline constexpr int64_t kMaxAnswerFloats = 256 * 1024;
inline constexpr int64_t kMaxHistory = 16 * 1024;

// Fills the outputs and the signature of the response's model_spec. A large answer is made only
// where the budget has room, else kResourceExhausted; `share` is its part, to be held as long as
// the response.
Status Predict(const bundle::Bundle& bundle, const tensorflow::serving::PredictRequest& request,
               AnswerBudget& budget, tensorflow::serving::PredictResponse& response,
               AnswerBudget::Share& share);

}  // namespace tandem::model_server
