// TensorFlow's TensorProto as plain values: strings in, floats out.
//
// A DT_STRING tensor carries its elements in string_val (a list shorter than the shape goes on
// with its last element, as in TensorFlow) or in tensor_content (the lengths of all elements as
// varints, then their bytes). Nothing is allocated before it is bounded by `max_elements`.
// Pure functions; thread-safe on different messages.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/serving/wire/prediction_service.pb.h"

namespace tandem::model_server {

// "[1, 3]"; -1 stands for any size.
std::string ShapeText(const tensorflow::TensorShapeProto& shape);

// The elements, row-major: views into `tensor`. kInvalidArgument: another dtype, a shape that is
// unknown, negative or over `max_elements`, or that does not fit the elements.
Result<std::vector<std::string_view>> DecodeStrings(const tensorflow::TensorProto& tensor,
                                                    int64_t max_elements);

// Makes `tensor` a DT_FLOAT one of this shape, in float_val as TensorFlow Serving answers by
// default; returns its elements to be filled, row-major.
float* AllocateFloats(std::initializer_list<int64_t> shape, tensorflow::TensorProto& tensor);

}  // namespace tandem::model_server
