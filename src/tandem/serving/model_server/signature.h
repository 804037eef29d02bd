// What a bundle offers to clients of TensorFlow Serving, as its SignatureDefs.
//
// serving_default looks a user id up; from_history runs the query tower on item ids and is there
// where the model's tower takes a history. Names of inputs and outputs are the bundle's.
#pragma once

#include "tandem/bundle/bundle.h"
#include "tandem/serving/wire/prediction_service.pb.h"

namespace tandem::model_server {

inline constexpr char kServingDefault[] = "serving_default";
inline constexpr char kFromHistory[] = "from_history";

tensorflow::serving::SignatureDefMap Signatures(const bundle::Bundle& bundle);

}  // namespace tandem::model_server
