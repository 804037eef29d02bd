#include "tandem/format/npy.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

namespace tandem::format {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they are stored");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kFloats = "<f4";
constexpr std::string_view kInt64s = "<i8";
constexpr size_t kMostExtents = 64;  // as numpy has at most
constexpr int64_t kMaxValues = int64_t{1} << 59;

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }: each key once, any order.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  std::optional<Header> Parse() {
    Header header;
    int descr = 0;
    int order = 0;
    int shape = 0;
    if (!Take("{")) return std::nullopt;
    while (!Take("}")) {
      const auto key = TakeString();
      if (!key.has_value() || !Take(":")) return std::nullopt;
      bool good = false;
      if (*key == "descr") {
        const auto value = TakeString();
        good = ++descr == 1 && value.has_value();
        if (good) header.descr = *value;
      } else if (*key == "fortran_order") {
        header.fortran_order = Take("True");
        good = ++order == 1 && (header.fortran_order || Take("False"));
      } else if (*key == "shape") {
        good = ++shape == 1 && TakeShape(header.shape);
      }
      if (!good) return std::nullopt;
      if (!Take(",")) {
        if (!Take("}")) return std::nullopt;
        break;
      }
    }
    SkipSpace();
    if (!text_.empty() || descr + order + shape != 3) return std::nullopt;
    return header;
  }

 private:
  void SkipSpace() {
    const size_t next = text_.find_first_not_of(" \n");
    text_.remove_prefix(next == std::string_view::npos ? text_.size() : next);
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (text_.substr(0, token.size()) != token) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string_view> TakeString() {
    SkipSpace();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return std::nullopt;
    const size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view value = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return value;
  }
  bool TakeShape(std::vector<int64_t>& shape) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      SkipSpace();
      int64_t extent = 0;
      const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0 || shape.size() == kMostExtents) return false;
      text_.remove_prefix(static_cast<size_t>(stop - text_.data()));
      shape.push_back(extent);
      if (!Take(",")) return Take(")");
    }
    return true;
  }

  std::string_view text_;
};

// Values of the shape; nothing where it is not one of [n] or [rows, columns] or is too large.
std::optional<uint64_t> CountValues(std::span<const int64_t> shape) {
  if (shape.empty() || shape.size() > 2) return std::nullopt;
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || (count > 0 && extent > kMaxValues / count)) return std::nullopt;
    count *= extent;
  }
  return static_cast<uint64_t>(count);
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + StrCat(extent);
  return text + "]";
}

Result<NpyView> View(std::string_view file, std::string_view descr, size_t value_bytes) {
  if (file.substr(0, kMagic.size()) != kMagic || file.size() < kMagic.size() + 2) {
    return DataLossError("npy: expected the bytes \\x93NUMPY and a version at the start");
  }
  const int version = static_cast<uint8_t>(file[kMagic.size()]);
  if ((version != 1 && version != 2) || file[kMagic.size() + 1] != '\0') {
    return DataLossError("npy: expected version 1.0 or 2.0, got ", version, ".",
                         int{static_cast<uint8_t>(file[kMagic.size() + 1])});
  }
  file.remove_prefix(kMagic.size() + 2);
  const size_t length_bytes = version == 1 ? 2 : 4;
  uint32_t header_bytes = 0;
  if (file.size() < length_bytes) return DataLossError("npy: the header's length is cut off");
  std::memcpy(&header_bytes, file.data(), length_bytes);
  file.remove_prefix(length_bytes);
  if (header_bytes > file.size()) {
    return DataLossError("npy: expected a header of ", header_bytes, " bytes, got ", file.size());
  }
  std::optional<Header> header = HeaderParser(file.substr(0, header_bytes)).Parse();
  file.remove_prefix(header_bytes);
  if (!header.has_value()) {
    return DataLossError("npy: expected a header with descr, fortran_order and a shape");
  }
  if (header->descr != descr) {
    return InvalidArgumentError("npy: expected values of ", descr, ", got '",
                                header->descr.substr(0, 64), "'; save it as ",
                                descr == kFloats ? "float32" : "int64");
  }
  if (header->shape.empty() || header->shape.size() > 2) {
    return InvalidArgumentError("npy: expected a shape of one or two extents, got ",
                                ShapeText(header->shape));
  }
  if (header->fortran_order) return InvalidArgumentError("npy: expected C order, got Fortran's");
  const std::optional<uint64_t> count = CountValues(header->shape);
  if (!count.has_value() || *count * value_bytes != file.size()) {
    return DataLossError("npy: the ", file.size(), " bytes of data do not fit the shape");
  }
  return NpyView{std::move(header->shape), file};
}

template <typename T>
Result<NpyArray<T>> Read(std::string_view file, std::string_view descr) {
  TANDEM_ASSIGN_OR_RETURN(NpyView view, View(file, descr, sizeof(T)));
  NpyArray<T> array{std::move(view.shape), std::vector<T>(view.bytes.size() / sizeof(T))};
  if (!view.bytes.empty()) std::memcpy(array.values.data(), view.bytes.data(), view.bytes.size());
  return array;
}

template <typename T>
Result<std::string> Write(std::span<const int64_t> shape, std::span<const T> values,
                          std::string_view descr) {
  const std::optional<uint64_t> count = CountValues(shape);
  if (!count.has_value() || *count != values.size()) {
    return InvalidArgumentError("npy: expected a shape of one or two extents for ", values.size(),
                                " values");
  }
  std::string header =
      StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", shape[0], ",");
  if (shape.size() == 2) header += StrCat(" ", shape[1]);
  header += "), }";
  // 10 bytes before the header and the line end behind it reach a multiple of 64.
  constexpr size_t kBefore = 10;
  header.resize((kBefore + header.size() + 1 + 63) / 64 * 64 - kBefore - 1, ' ');
  header += '\n';
  std::string file(kMagic);
  file += '\x01';
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  const size_t start = file.size();
  file.resize(start + values.size_bytes());
  if (!values.empty()) std::memcpy(file.data() + start, values.data(), values.size_bytes());
  return file;
}

}  // namespace

Result<NpyArray<float>> ReadNpyFloats(std::string_view file) { return Read<float>(file, kFloats); }

Result<NpyView> ViewNpyFloats(std::string_view file) { return View(file, kFloats, sizeof(float)); }

Result<NpyArray<int64_t>> ReadNpyInt64s(std::string_view file) {
  return Read<int64_t>(file, kInt64s);
}

Result<std::string> WriteNpy(std::span<const int64_t> shape, std::span<const float> values) {
  return Write(shape, values, kFloats);
}

Result<std::string> WriteNpy(std::span<const int64_t> shape, std::span<const int64_t> values) {
  return Write(shape, values, kInt64s);
}

}  // namespace tandem::format
