// numpy's .npy files: magic, version 1 or 2, a Python literal that describes the array, the data.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
//
// float32 and int64, little-endian, C order, of one or two dimensions. Pure functions. Errors:
// kDataLoss for bytes that are not such a file, kInvalidArgument for another dtype or shape than
// asked for and for arrays that cannot be written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::format {

template <typename T>
struct NpyArray {
  std::vector<int64_t> shape;  // [n] or [rows, columns]
  std::vector<T> values;       // row-major, as many as shape says
};

Result<NpyArray<float>> ReadNpyFloats(std::string_view file);
// The same array where it lies in the file.
struct NpyView {
  std::vector<int64_t> shape;
  std::string_view bytes;  // of the values; of any alignment
};
Result<NpyView> ViewNpyFloats(std::string_view file);
Result<NpyArray<int64_t>> ReadNpyInt64s(std::string_view file);

// Version 1, the data at a multiple of 64 bytes, as numpy writes it.
Result<std::string> WriteNpy(std::span<const int64_t> shape, std::span<const float> values);
Result<std::string> WriteNpy(std::span<const int64_t> shape, std::span<const int64_t> values);

}  // namespace tandem::format
