#include "tandem/format/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "tandem/format/json.h"

namespace tandem::format {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied as they are");

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kAlignment = 64;  // of the data, by spaces at the end of the header

struct DtypeInfo {
  Dtype dtype;
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array<DtypeInfo, 4> kDtypes = {{{Dtype::kF32, "F32", 4},
                                               {Dtype::kI32, "I32", 4},
                                               {Dtype::kI64, "I64", 8},
                                               {Dtype::kU8, "U8", 1}}};

const DtypeInfo& InfoOf(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)]; }

template <typename... Parts>
Status Odd(std::string_view name, const Parts&... parts) {
  return DataLossError("safetensors array '", name, "': ", parts...);
}

Result<Dtype> ParseDtype(std::string_view name, const Json& entry) {
  TANDEM_ASSIGN_OR_RETURN(const Json* value, entry.Get("dtype"));
  TANDEM_ASSIGN_OR_RETURN(const std::string* text, value->AsString());
  for (const DtypeInfo& info : kDtypes) {
    if (info.name == *text) return info.dtype;
  }
  return Odd(name, "dtype ", *text, " is not known");
}

Result<std::vector<int64_t>> ParseCounts(const Json& entry, std::string_view key) {
  TANDEM_ASSIGN_OR_RETURN(const Json* value, entry.Get(key));
  TANDEM_ASSIGN_OR_RETURN(const Json::Array* array, value->AsArray());
  std::vector<int64_t> counts;
  for (const Json& element : *array) {
    TANDEM_ASSIGN_OR_RETURN(counts.emplace_back(), element.AsInt64());
    if (counts.back() < 0) return DataLossError(key, " has a negative number");
  }
  return counts;
}

// Bytes of an array of that shape, bounded by `limit`.
Result<uint64_t> BytesOf(std::string_view name, Dtype dtype, const std::vector<int64_t>& shape,
                         uint64_t limit) {
  uint64_t bytes = InfoOf(dtype).bytes;
  for (const int64_t extent : shape) {
    if (extent > 0 && bytes > limit / static_cast<uint64_t>(extent)) {
      return Odd(name, "its shape is larger than the file");
    }
    bytes *= static_cast<uint64_t>(extent);
  }
  return bytes;
}

// One entry of the header; `data` is what follows the header.
Result<TensorView> ParseTensor(std::string_view name, const Json& entry, std::string_view data) {
  TensorView tensor;
  TANDEM_ASSIGN_OR_RETURN(tensor.dtype, ParseDtype(name, entry));
  TANDEM_ASSIGN_OR_RETURN(tensor.shape, ParseCounts(entry, "shape"));
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, ParseCounts(entry, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1] ||
      static_cast<uint64_t>(offsets[1]) > data.size()) {
    return Odd(name, "its data_offsets are not a range within the ", data.size(), " data bytes");
  }
  TANDEM_ASSIGN_OR_RETURN(const uint64_t bytes,
                          BytesOf(name, tensor.dtype, tensor.shape, data.size()));
  const auto begin = static_cast<uint64_t>(offsets[0]);
  if (static_cast<uint64_t>(offsets[1]) - begin != bytes) {
    return Odd(name, "its shape needs ", bytes, " bytes, its data_offsets hold ",
               static_cast<uint64_t>(offsets[1]) - begin);
  }
  tensor.bytes = data.substr(begin, bytes);
  return tensor;
}

// Arrays that lie in the data one behind the other, first to last byte.
Status CheckTiling(const std::map<std::string, TensorView, std::less<>>& tensors,
                   std::string_view data) {
  std::vector<std::pair<size_t, size_t>> ranges;
  for (const auto& entry : tensors) {
    const auto begin = static_cast<size_t>(entry.second.bytes.data() - data.data());
    ranges.emplace_back(begin, begin + entry.second.bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  size_t end = 0;
  for (const auto& range : ranges) {
    if (range.first != end) return DataLossError("safetensors arrays leave a hole or overlap");
    end = range.second;
  }
  if (end != data.size()) {
    return DataLossError("safetensors arrays end at byte ", end, " of ", data.size());
  }
  return {};
}

template <typename T>
std::vector<T> CopyOf(std::string_view bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template <typename T>
std::string BytesOfValues(std::span<const T> values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

}  // namespace

Result<Safetensors> Safetensors::Parse(std::string_view file) {
  if (file.size() < kLengthBytes) {
    return DataLossError("safetensors file of ", file.size(), " bytes, expected at least 8");
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > file.size() - kLengthBytes) {
    return DataLossError("safetensors header of ", length, " bytes in a file of ", file.size());
  }
  const std::string_view data = file.substr(kLengthBytes + length);
  Result<Json> header = ParseJson(file.substr(kLengthBytes, length));
  if (!header.ok() || !header->IsObject()) {
    return DataLossError("safetensors header is not a JSON object: ", header.status().message());
  }
  Safetensors parsed;
  for (const auto& [name, entry] : **header->AsObject()) {
    if (name == "__metadata__") continue;
    Result<TensorView> tensor = ParseTensor(name, entry, data);
    if (!tensor.ok()) return DataLossError(tensor.status().WithContext(name).message());
    parsed.tensors_.emplace(name, std::move(tensor).value());
  }
  TANDEM_RETURN_IF_ERROR(CheckTiling(parsed.tensors_, data));
  return parsed;
}

Result<const TensorView*> Safetensors::Find(std::string_view name, Dtype dtype,
                                            const std::vector<int64_t>& shape) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return Odd(name, "is not there");
  const TensorView& tensor = found->second;
  if (tensor.dtype != dtype) {
    return Odd(name, "is ", InfoOf(tensor.dtype).name, ", expected ", InfoOf(dtype).name);
  }
  const bool fits = tensor.shape.size() == shape.size() &&
                    std::equal(shape.begin(), shape.end(), tensor.shape.begin(),
                               [](int64_t want, int64_t got) { return want < 0 || want == got; });
  if (!fits) return Odd(name, "has another shape than expected");
  return &tensor;
}

Result<std::vector<float>> Safetensors::Floats(std::string_view name,
                                               std::vector<int64_t> shape) const {
  TANDEM_ASSIGN_OR_RETURN(const TensorView* tensor, Find(name, Dtype::kF32, shape));
  return CopyOf<float>(tensor->bytes);
}

Result<std::vector<int32_t>> Safetensors::Int32s(std::string_view name,
                                                 std::vector<int64_t> shape) const {
  TANDEM_ASSIGN_OR_RETURN(const TensorView* tensor, Find(name, Dtype::kI32, shape));
  return CopyOf<int32_t>(tensor->bytes);
}

Result<std::vector<int64_t>> Safetensors::Int64s(std::string_view name,
                                                 std::vector<int64_t> shape) const {
  TANDEM_ASSIGN_OR_RETURN(const TensorView* tensor, Find(name, Dtype::kI64, shape));
  return CopyOf<int64_t>(tensor->bytes);
}

Result<std::vector<std::string>> Safetensors::Strings(std::string_view name) const {
  TANDEM_ASSIGN_OR_RETURN(const TensorView* bytes, Find(StrCat(name, ".bytes"), Dtype::kU8, {-1}));
  TANDEM_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets,
                          Int64s(StrCat(name, ".offsets"), {-1}));
  if (offsets.empty() || offsets.front() != 0 ||
      offsets.back() != static_cast<int64_t>(bytes->bytes.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return Odd(name, "its offsets do not cut its bytes into strings");
  }
  std::vector<std::string> strings;
  strings.reserve(offsets.size() - 1);
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    strings.emplace_back(bytes->bytes.substr(static_cast<size_t>(offsets[i]),
                                             static_cast<size_t>(offsets[i + 1] - offsets[i])));
  }
  return strings;
}

void SafetensorsBuilder::Add(std::string name, std::span<const float> values,
                             std::vector<int64_t> shape) {
  entries_[std::move(name)] = {Dtype::kF32, std::move(shape), BytesOfValues(values)};
}

void SafetensorsBuilder::Add(std::string name, std::span<const int32_t> values,
                             std::vector<int64_t> shape) {
  entries_[std::move(name)] = {Dtype::kI32, std::move(shape), BytesOfValues(values)};
}

void SafetensorsBuilder::Add(std::string name, std::span<const int64_t> values,
                             std::vector<int64_t> shape) {
  entries_[std::move(name)] = {Dtype::kI64, std::move(shape), BytesOfValues(values)};
}

void SafetensorsBuilder::AddStrings(const std::string& name, std::span<const std::string> values) {
  std::string bytes;
  std::vector<int64_t> offsets = {0};
  for (const std::string& value : values) {
    bytes += value;
    offsets.push_back(static_cast<int64_t>(bytes.size()));
  }
  Add(name + ".offsets", std::span<const int64_t>(offsets), {static_cast<int64_t>(offsets.size())});
  entries_[name + ".bytes"] = {Dtype::kU8, {static_cast<int64_t>(bytes.size())}, bytes};
}

Result<std::string> SafetensorsBuilder::Build() const {
  Json header(Json::Object{});
  std::string data;
  // Wider types first, so that every array is aligned to its own.
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : entries_) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return InfoOf(a->second.dtype).bytes > InfoOf(b->second.dtype).bytes;
  });
  for (const auto* entry : order) {
    Json::Array shape(entry->second.shape.begin(), entry->second.shape.end());
    const auto begin = static_cast<int64_t>(data.size());
    data += entry->second.bytes;
    Json description(Json::Object{});
    description.Set("dtype", InfoOf(entry->second.dtype).name);
    description.Set("shape", std::move(shape));
    description.Set("data_offsets", Json::Array{begin, static_cast<int64_t>(data.size())});
    header.Set(entry->first, std::move(description));
  }
  TANDEM_ASSIGN_OR_RETURN(std::string text, SerializeJson(header));
  const size_t length = kLengthBytes + text.size();
  text.append((kAlignment - length % kAlignment) % kAlignment, ' ');
  const uint64_t header_bytes = text.size();
  std::string file(reinterpret_cast<const char*>(&header_bytes), kLengthBytes);
  return file + text + data;
}

}  // namespace tandem::format
