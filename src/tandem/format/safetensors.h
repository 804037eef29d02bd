// The safetensors format: eight bytes of little-endian header length, a JSON header that names
// each array with its type, shape and place, and the arrays, raw and little-endian.
//
// A decoder trusts nothing: the header's length is bounded by the file, offsets must tile the
// data without holes, and a shape's bytes must be those of its place. kDataLoss names the array.
// Strings, which the format lacks, are two arrays: "name.bytes" U8 and "name.offsets" I64.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::format {

enum class Dtype { kF32, kI32, kI64, kU8 };

struct TensorView {
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  std::string_view bytes;  // into the file
};

// Views into the file's bytes, which the caller keeps alive.
class Safetensors {
 public:
  static Result<Safetensors> Parse(std::string_view file);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  // Copies of an array of that type and shape; -1 in `shape` stands for any extent. kDataLoss
  // where there is none of that name, type or shape.
  Result<std::vector<float>> Floats(std::string_view name, std::vector<int64_t> shape) const;
  Result<std::vector<int32_t>> Int32s(std::string_view name, std::vector<int64_t> shape) const;
  Result<std::vector<int64_t>> Int64s(std::string_view name, std::vector<int64_t> shape) const;
  Result<std::vector<std::string>> Strings(std::string_view name) const;

 private:
  Result<const TensorView*> Find(std::string_view name, Dtype dtype,
                                 const std::vector<int64_t>& shape) const;

  std::map<std::string, TensorView, std::less<>> tensors_;
};

// Collects arrays and makes the file: the same bytes for the same arrays, whatever their order.
class SafetensorsBuilder {
 public:
  // The extents multiply to the length of the values.
  void Add(std::string name, std::span<const float> values, std::vector<int64_t> shape);
  void Add(std::string name, std::span<const int32_t> values, std::vector<int64_t> shape);
  void Add(std::string name, std::span<const int64_t> values, std::vector<int64_t> shape);
  void AddStrings(const std::string& name, std::span<const std::string> values);
  Result<std::string> Build() const;

 private:
  struct Entry {
    Dtype dtype;
    std::vector<int64_t> shape;
    std::string bytes;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace tandem::format
