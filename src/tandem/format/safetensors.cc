#include "tandem/format/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "tandem/format/json.h"

namespace tandem::format {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied as they are stored");

constexpr size_t kPrefixBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr uint64_t kMaxArrayBytes = uint64_t{1} << 62;
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr Dtype kDtypes[] = {Dtype::kF32, Dtype::kF64, Dtype::kI32, Dtype::kI64, Dtype::kU8};

std::optional<Dtype> ParseDtype(std::string_view name) {
  for (const Dtype dtype : kDtypes) {
    if (DtypeName(dtype) == name) return dtype;
  }
  return std::nullopt;
}

// Errors of the Json accessors speak of arguments; here the file is what is wrong.
Status BadHeader(std::string_view name, const Status& status) {
  return DataLossError("safetensors: '", name, "': ", status.message());
}

Result<std::vector<int64_t>> ReadIntegers(const Json& tensor, std::string_view key) {
  TANDEM_ASSIGN_OR_RETURN(const Json* const member, tensor.Get(key));
  TANDEM_ASSIGN_OR_RETURN(const Json::Array* const array, member->AsArray());
  std::vector<int64_t> values;
  values.reserve(array->size());
  for (const Json& element : *array) {
    TANDEM_ASSIGN_OR_RETURN(const int64_t value, element.AsInt64());
    if (value < 0) return DataLossError(key, ": expected at least 0, got ", value);
    values.push_back(value);
  }
  return values;
}

Result<TensorView> ReadTensor(const Json& tensor, std::string_view data) {
  TANDEM_ASSIGN_OR_RETURN(const Json* const dtype_member, tensor.Get("dtype"));
  TANDEM_ASSIGN_OR_RETURN(const std::string* const dtype_name, dtype_member->AsString());
  const std::optional<Dtype> dtype = ParseDtype(*dtype_name);
  if (!dtype.has_value()) {
    return DataLossError("expected dtype F32, F64, I32, I64 or U8, got '", *dtype_name, "'");
  }
  TensorView view;
  view.dtype = *dtype;
  TANDEM_ASSIGN_OR_RETURN(view.shape, ReadIntegers(tensor, "shape"));
  TANDEM_ASSIGN_OR_RETURN(const auto offsets, ReadIntegers(tensor, "data_offsets"));
  if (offsets.size() != 2) {
    return DataLossError("expected two data_offsets, got ", offsets.size());
  }
  const auto begin = static_cast<uint64_t>(offsets[0]);
  const auto end = static_cast<uint64_t>(offsets[1]);
  if (begin > end || end > data.size()) {
    return DataLossError("data_offsets ", begin, " to ", end, " leave the ", data.size(),
                         " bytes of data");
  }
  TANDEM_ASSIGN_OR_RETURN(const uint64_t expected, ArrayBytes(view.dtype, view.shape));
  if (end - begin != expected) {
    return DataLossError("expected ", expected, " bytes for the shape, got ", end - begin);
  }
  view.bytes = data.substr(begin, end - begin);
  return view;
}

// No hole, no overlap, nothing behind the last. Arrays without bytes may be anywhere.
Status CheckTiling(const std::map<std::string, TensorView, std::less<>>& tensors,
                   std::string_view data) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& entry : tensors) {
    const std::string_view bytes = entry.second.bytes;
    if (bytes.empty()) continue;
    const auto begin = static_cast<uint64_t>(bytes.data() - data.data());
    ranges.emplace_back(begin, begin + bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t position = 0;
  for (const auto& range : ranges) {
    if (range.first != position) {
      return DataLossError("safetensors: expected an array at data byte ", position,
                           ", got the next one at ", range.first);
    }
    position = range.second;
  }
  if (position != data.size()) {
    return DataLossError("safetensors: expected ", position, " bytes of data, got ", data.size());
  }
  return Status();
}

Result<std::string_view> BytesOf(const TensorView& view, Dtype dtype) {
  if (view.dtype != dtype) {
    return InvalidArgumentError("expected a tensor of ", DtypeName(dtype), ", got ",
                                DtypeName(view.dtype));
  }
  if (view.bytes.size() % DtypeBytes(dtype) != 0) {
    return InvalidArgumentError("expected a multiple of ", DtypeBytes(dtype), " bytes, got ",
                                view.bytes.size());
  }
  return view.bytes;
}

template <typename T>
Result<std::vector<T>> CopyValues(const TensorView& view, Dtype dtype) {
  TANDEM_ASSIGN_OR_RETURN(const std::string_view bytes, BytesOf(view, dtype));
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename T>
NamedTensor MakeTensor(std::string name, Dtype dtype, std::vector<int64_t> shape,
                       std::span<const T> values) {
  NamedTensor tensor{std::move(name), dtype, std::move(shape), std::string()};
  tensor.bytes.resize(values.size_bytes());
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), values.size_bytes());
  return tensor;
}

}  // namespace

size_t DtypeBytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
    case Dtype::kI64:
      return 8;
    case Dtype::kF32:
    case Dtype::kI32:
      return 4;
    case Dtype::kU8:
      return 1;
  }
  return 1;
}

std::string_view DtypeName(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "F32";
    case Dtype::kF64:
      return "F64";
    case Dtype::kI32:
      return "I32";
    case Dtype::kI64:
      return "I64";
    case Dtype::kU8:
      return "U8";
  }
  return "";
}

Result<uint64_t> ArrayBytes(Dtype dtype, std::span<const int64_t> shape) {
  // Zeros first: [2^40, 2^40, 0] holds nothing.
  uint64_t bytes = std::find(shape.begin(), shape.end(), 0) == shape.end() ? DtypeBytes(dtype) : 0;
  for (const int64_t extent : shape) {
    if (extent < 0) return DataLossError("expected extents of at least 0, got ", extent);
    if (bytes > 0 && static_cast<uint64_t>(extent) > kMaxArrayBytes / bytes) {
      return DataLossError("the shape has more than 2^62 bytes");
    }
    bytes *= static_cast<uint64_t>(extent);
  }
  return bytes;
}

Result<std::string_view> FloatBytes(const TensorView& view) { return BytesOf(view, Dtype::kF32); }

Result<std::vector<float>> AsFloats(const TensorView& view) {
  return CopyValues<float>(view, Dtype::kF32);
}

Result<std::vector<int64_t>> AsInt64s(const TensorView& view) {
  return CopyValues<int64_t>(view, Dtype::kI64);
}

Result<SafetensorsReader> SafetensorsReader::Parse(std::string_view file) {
  if (file.size() < kPrefixBytes) {
    return DataLossError("safetensors: expected at least 8 bytes, got ", file.size());
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kPrefixBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - kPrefixBytes) {
    return DataLossError("safetensors: a header of ", header_bytes, " bytes does not fit the file");
  }
  if (header_bytes % 8 != 0) {
    return DataLossError("safetensors: expected a header of a multiple of 8 bytes, got ",
                         header_bytes);
  }
  const std::string_view data = file.substr(kPrefixBytes + header_bytes);
  const auto parsed = ParseJson(file.substr(kPrefixBytes, header_bytes),
                                JsonLimits{.max_depth = 8, .max_bytes = kMaxHeaderBytes});
  if (!parsed.ok()) return BadHeader("header", parsed.status());
  const auto members = parsed->AsObject();
  if (!members.ok()) return BadHeader("header", members.status());

  SafetensorsReader reader;
  for (const auto& [name, member] : **members) {
    if (name == kMetadataKey) {
      const auto entries = member.AsObject();
      if (!entries.ok()) return BadHeader(name, entries.status());
      for (const auto& [key, value] : **entries) {
        const auto text = value.AsString();
        if (!text.ok()) return BadHeader(name, text.status());
        reader.metadata_.emplace(key, **text);
      }
      continue;
    }
    auto view = ReadTensor(member, data);
    if (!view.ok()) return BadHeader(name, view.status());
    reader.tensors_.emplace(name, *std::move(view));
  }
  TANDEM_RETURN_IF_ERROR(CheckTiling(reader.tensors_, data));
  return reader;
}

Result<const TensorView*> SafetensorsReader::Get(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return NotFoundError("safetensors: no tensor '", name, "'");
  return &found->second;
}

NamedTensor MakeFloats(std::string name, std::vector<int64_t> shape,
                       std::span<const float> values) {
  return MakeTensor(std::move(name), Dtype::kF32, std::move(shape), values);
}

NamedTensor MakeInt64s(std::string name, std::vector<int64_t> shape,
                       std::span<const int64_t> values) {
  return MakeTensor(std::move(name), Dtype::kI64, std::move(shape), values);
}

Result<std::string> WriteSafetensors(const std::vector<NamedTensor>& tensors,
                                     const Metadata& metadata) {
  std::vector<const NamedTensor*> sorted;
  for (const NamedTensor& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(),
            [](const NamedTensor* a, const NamedTensor* b) { return a->name < b->name; });

  Json::Object header;
  if (!metadata.empty()) {
    Json::Object entries;
    for (const auto& [key, value] : metadata) entries.emplace_back(key, value);
    header.emplace_back(kMetadataKey, std::move(entries));
  }
  uint64_t position = 0;
  for (const NamedTensor* tensor : sorted) {
    const auto expected = ArrayBytes(tensor->dtype, tensor->shape);
    if (!expected.ok() || *expected != tensor->bytes.size() || tensor->name == kMetadataKey) {
      return InvalidArgumentError("safetensors: '", tensor->name, "': its ", tensor->bytes.size(),
                                  " bytes do not fit its shape, or the name is reserved");
    }
    const uint64_t end = position + tensor->bytes.size();
    Json::Array shape(tensor->shape.begin(), tensor->shape.end());
    header.emplace_back(tensor->name,
                        Json::Object{{"dtype", DtypeName(tensor->dtype)},
                                     {"shape", std::move(shape)},
                                     {"data_offsets", Json::Array{static_cast<int64_t>(position),
                                                                  static_cast<int64_t>(end)}}});
    position = end;
  }
  // Refuses names that occur twice or are not UTF-8.
  TANDEM_ASSIGN_OR_RETURN(std::string text, SerializeJson(Json(std::move(header))));
  text.resize((kPrefixBytes + text.size() + 63) / 64 * 64 - kPrefixBytes, ' ');
  if (text.size() > kMaxHeaderBytes) {
    return InvalidArgumentError("safetensors: the header takes ", text.size(), " bytes");
  }

  const uint64_t header_bytes = text.size();
  std::string file(kPrefixBytes, '\0');
  std::memcpy(file.data(), &header_bytes, kPrefixBytes);
  file.reserve(kPrefixBytes + header_bytes + position);
  file += text;
  for (const NamedTensor* tensor : sorted) file += tensor->bytes;
  return file;
}

void AddStrings(std::string_view name, std::span<const std::string> strings,
                std::vector<NamedTensor>& tensors) {
  NamedTensor bytes{std::string(name) + ".bytes", Dtype::kU8, {}, std::string()};
  std::vector<int64_t> offsets = {0};
  for (const std::string& text : strings) {
    bytes.bytes += text;
    offsets.push_back(static_cast<int64_t>(bytes.bytes.size()));
  }
  bytes.shape = {offsets.back()};
  tensors.push_back(std::move(bytes));
  tensors.push_back(
      MakeInt64s(std::string(name) + ".offsets", {static_cast<int64_t>(offsets.size())}, offsets));
}

Result<std::vector<std::string>> ReadStrings(const SafetensorsReader& reader,
                                             std::string_view name) {
  TANDEM_ASSIGN_OR_RETURN(const TensorView* const bytes, reader.Get(StrCat(name, ".bytes")));
  TANDEM_ASSIGN_OR_RETURN(const TensorView* const ends, reader.Get(StrCat(name, ".offsets")));
  if (bytes->dtype != Dtype::kU8 || ends->dtype != Dtype::kI64 || ends->bytes.empty()) {
    return DataLossError("strings '", name, "': expected U8 bytes and at least one I64 offset");
  }
  TANDEM_ASSIGN_OR_RETURN(const auto offsets, AsInt64s(*ends));
  const auto total = static_cast<int64_t>(bytes->bytes.size());
  if (offsets.front() != 0 || offsets.back() != total ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return DataLossError("strings '", name, "': expected offsets that rise from 0 to ", total);
  }
  std::vector<std::string> strings;
  strings.reserve(offsets.size() - 1);
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    strings.emplace_back(bytes->bytes.substr(static_cast<size_t>(offsets[i]),
                                             static_cast<size_t>(offsets[i + 1] - offsets[i])));
  }
  return strings;
}

}  // namespace tandem::format
