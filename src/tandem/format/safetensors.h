// The safetensors format: 8 bytes of little-endian header length, a JSON header, raw
// little-endian row-major arrays. Format: https://github.com/huggingface/safetensors
//
// Reading copies no array: views point into the bytes of the caller, who keeps them alive. The
// reader is immutable and safe from many threads. Errors: kDataLoss for bytes that are not such
// a file, with the tensor's name; kNotFound for a name that is not there; kInvalidArgument for
// a tensor asked for as another type, or one that cannot be written.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::format {

enum class Dtype { kF32, kF64, kI32, kI64, kU8 };

size_t DtypeBytes(Dtype dtype);
// As in the header: "F32".
std::string_view DtypeName(Dtype dtype);

// Bytes of an array; kDataLoss for a negative extent and where the product exceeds 2^62.
Result<uint64_t> ArrayBytes(Dtype dtype, std::span<const int64_t> shape);

struct TensorView {
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;  // empty: one value
  std::string_view bytes;      // as many as dtype and shape say; of any alignment
};

// The bytes of F32 values where they lie; kInvalidArgument for another dtype.
Result<std::string_view> FloatBytes(const TensorView& view);
// The values, copied; kInvalidArgument for another dtype.
Result<std::vector<float>> AsFloats(const TensorView& view);
Result<std::vector<int64_t>> AsInt64s(const TensorView& view);

using Metadata = std::map<std::string, std::string, std::less<>>;

class SafetensorsReader {
 public:
  // The arrays must fill the data area exactly, in any order and without overlap; the data area
  // must start at a multiple of 8 bytes; the header is at most 100 MB.
  static Result<SafetensorsReader> Parse(std::string_view file);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const Metadata& metadata() const { return metadata_; }  // "__metadata__"
  // Never null in an ok Result; lives as long as the reader.
  Result<const TensorView*> Get(std::string_view name) const;

 private:
  SafetensorsReader() = default;

  std::map<std::string, TensorView, std::less<>> tensors_;
  Metadata metadata_;
};

// An array to be written; owns its bytes.
struct NamedTensor {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  std::string bytes;
};

NamedTensor MakeFloats(std::string name, std::vector<int64_t> shape, std::span<const float> values);
NamedTensor MakeInt64s(std::string name, std::vector<int64_t> shape,
                       std::span<const int64_t> values);

// The file: tensors sorted by name, the data area at a multiple of 64 bytes. The same arguments
// give the same bytes. kInvalidArgument for names that occur twice, are "__metadata__" or not
// UTF-8, and bytes that do not fit the shape.
Result<std::string> WriteSafetensors(const std::vector<NamedTensor>& tensors,
                                     const Metadata& metadata = {});

// n strings as "<name>.bytes" (U8 [total]) and "<name>.offsets" (I64 [n + 1], from 0 to total).
void AddStrings(std::string_view name, std::span<const std::string> strings,
                std::vector<NamedTensor>& tensors);
Result<std::vector<std::string>> ReadStrings(const SafetensorsReader& reader,
                                             std::string_view name);

}  // namespace tandem::format
