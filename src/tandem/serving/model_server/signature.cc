#include "tandem/serving/model_server/signature.h"

#include <initializer_list>

#include "tandem/bundle/query.h"

namespace tandem::model_server {
namespace {

tensorflow::TensorInfo Info(const std::string& name, tensorflow::DataType dtype,
                            std::initializer_list<int64_t> shape) {
  tensorflow::TensorInfo info;
  info.set_name(name + ":0");
  info.set_dtype(dtype);
  for (const int64_t size : shape) info.mutable_tensor_shape()->add_dim()->set_size(size);
  return info;
}

}  // namespace

tensorflow::serving::SignatureDefMap Signatures(const bundle::Bundle& bundle) {
  const bundle::SignatureNames& names = bundle.signature;
  tensorflow::serving::SignatureDefMap map;
  tensorflow::SignatureDef by_id;
  by_id.set_method_name("tensorflow/serving/predict");
  (*by_id.mutable_outputs())[names.embedding_output] =
      Info(names.embedding_output, tensorflow::DT_FLOAT, {-1, bundle.dimension()});
  tensorflow::SignatureDef by_history = by_id;

  (*by_id.mutable_inputs())[names.user_input] = Info(names.user_input, tensorflow::DT_STRING, {-1});
  (*map.mutable_signature_def())[kServingDefault] = std::move(by_id);
  if (bundle::TakesHistory(bundle)) {
    (*by_history.mutable_inputs())[names.history_input] =
        Info(names.history_input, tensorflow::DT_STRING, {1, -1});
    (*map.mutable_signature_def())[kFromHistory] = std::move(by_history);
  }
  return map;
}

}  // namespace tandem::model_server
