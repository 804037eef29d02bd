#include "tandem/serving/model_server/tensor_codec.h"

#include <google/protobuf/io/coded_stream.h>

namespace tandem::model_server {
namespace {

std::string DataTypeText(int dtype) {
  const auto* value = tensorflow::DataType_descriptor()->FindValueByNumber(dtype);
  return value != nullptr ? value->name() : StrCat("dtype ", dtype);
}

Result<int64_t> CountElements(const tensorflow::TensorShapeProto& shape, int64_t max_elements) {
  if (shape.unknown_rank()) return InvalidArgumentError("the shape has an unknown rank");
  int64_t count = 1;
  for (const auto& dim : shape.dim()) {
    if (dim.size() < 0) {
      return InvalidArgumentError("the shape ", ShapeText(shape), " has a negative size");
    }
    if (count != 0 && dim.size() > max_elements / count) {
      return InvalidArgumentError("the shape ", ShapeText(shape), " has more than ", max_elements,
                                  " elements");
    }
    count *= dim.size();
  }
  return count;
}

Status WrongCount(const tensorflow::TensorShapeProto& shape, int64_t expected, int64_t got) {
  return InvalidArgumentError("the shape ", ShapeText(shape), " has ", expected,
                              " elements, the tensor ", got);
}

Result<std::vector<std::string_view>> FromList(const tensorflow::TensorProto& tensor,
                                               int64_t count) {
  const int64_t given = tensor.string_val_size();
  if (given > count || (given == 0 && count > 0)) {
    return WrongCount(tensor.tensor_shape(), count, given);
  }
  std::vector<std::string_view> values;
  values.reserve(static_cast<size_t>(count));
  for (const std::string& value : tensor.string_val()) values.push_back(value);
  if (count > 0) values.resize(static_cast<size_t>(count), values.back());
  return values;
}

Result<std::vector<std::string_view>> FromContent(const tensorflow::TensorProto& tensor,
                                                  int64_t count) {
  const std::string& bytes = tensor.tensor_content();
  // A length is one byte at least.
  if (count > static_cast<int64_t>(bytes.size())) {
    return InvalidArgumentError("tensor_content has ", bytes.size(), " bytes, too few for ", count,
                                " strings");
  }
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  std::vector<uint32_t> lengths(static_cast<size_t>(count));
  for (uint32_t& length : lengths) {
    if (!input.ReadVarint32(&length)) {
      return InvalidArgumentError("tensor_content ends within the lengths of its ", count,
                                  " strings");
    }
  }
  std::string_view rest =
      std::string_view(bytes).substr(static_cast<size_t>(input.CurrentPosition()));
  std::vector<std::string_view> values;
  values.reserve(lengths.size());
  for (const uint32_t length : lengths) {
    if (length > rest.size()) {
      return InvalidArgumentError("tensor_content ends within string ", values.size(), ": ", length,
                                  " bytes expected, ", rest.size(), " left");
    }
    values.push_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (!rest.empty()) {
    return InvalidArgumentError("tensor_content has ", rest.size(), " bytes after its ", count,
                                " strings");
  }
  return values;
}

}  // namespace

std::string ShapeText(const tensorflow::TensorShapeProto& shape) {
  if (shape.unknown_rank()) return "[?]";
  std::string text = "[";
  for (const auto& dim : shape.dim()) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim.size());
  }
  return text + "]";
}

Result<std::vector<std::string_view>> DecodeStrings(const tensorflow::TensorProto& tensor,
                                                    int64_t max_elements) {
  if (tensor.dtype() != tensorflow::DT_STRING) {
    return InvalidArgumentError("expected DT_STRING, got ", DataTypeText(tensor.dtype()));
  }
  TANDEM_ASSIGN_OR_RETURN(const int64_t count, CountElements(tensor.tensor_shape(), max_elements));
  const bool in_content = tensor.string_val().empty() && !tensor.tensor_content().empty();
  return in_content ? FromContent(tensor, count) : FromList(tensor, count);
}

float* AllocateFloats(std::initializer_list<int64_t> shape, tensorflow::TensorProto& tensor) {
  tensor.set_dtype(tensorflow::DT_FLOAT);
  int64_t count = 1;
  for (const int64_t size : shape) {
    tensor.mutable_tensor_shape()->add_dim()->set_size(size);
    count *= size;
  }
  tensor.mutable_float_val()->Resize(static_cast<int>(count), 0.0F);
  return tensor.mutable_float_val()->mutable_data();
}

}  // namespace tandem::model_server
