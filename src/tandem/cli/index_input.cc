#include "tandem/cli/index_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tandem/format/csv.h"
#include "tandem/format/npy.h"
#include "tandem/format/safetensors.h"
#include "tandem/index/filter.h"

namespace tandem::cli {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + StrCat(extent);
  return text + "]";
}

Status CheckShape(std::string_view what, std::span<const int64_t> shape) {
  if (shape.size() == 2 && shape[1] >= 1) return {};
  return InvalidArgumentError(what, ": expected vectors [n, d], got an array of shape ",
                              ShapeText(shape));
}

Result<Vectors> FromNpy(std::string_view bytes, const std::string& path) {
  auto array = format::ReadNpyFloats(bytes);
  if (!array.ok()) return array.status().WithContext(path);
  TANDEM_RETURN_IF_ERROR(CheckShape(path, array->shape));
  return Vectors{array->shape[0], array->shape[1], std::move(array->values)};
}

Result<Vectors> FromSafetensors(std::string_view bytes, const VectorSource& source) {
  const auto reader = format::SafetensorsReader::Parse(bytes);
  if (!reader.ok()) return reader.status().WithContext(source.path);
  std::string name = source.tensor;
  std::string names;
  int fitting = 0;
  for (const auto& [key, view] : reader->tensors()) {
    const bool fits = view.dtype == format::Dtype::kF32 && view.shape.size() == 2;
    if (source.tensor.empty() && fits) name = key;
    fitting += fits ? 1 : 0;
    names += (names.empty() ? "" : ", ") +
             StrCat(key, ' ', format::DtypeName(view.dtype), ' ', ShapeText(view.shape));
  }
  if (source.tensor.empty() && fitting != 1) {
    return InvalidArgumentError(
        source.path, ": which tensor? ", fitting,
        " are F32 [n, d]; name it by --tensor; there are: ", names.empty() ? "none" : names);
  }
  const auto view = reader->Get(name);
  if (!view.ok()) {
    return NotFoundError(source.path, ": no tensor '", name,
                         "'; there are: ", names.empty() ? "none" : names);
  }
  const std::string what = StrCat(source.path, ": tensor '", name, "'");
  auto values = format::AsFloats(**view);
  if (!values.ok()) return values.status().WithContext(what);
  TANDEM_RETURN_IF_ERROR(CheckShape(what, (*view)->shape));
  return Vectors{(*view)->shape[0], (*view)->shape[1], *std::move(values)};
}

Result<Vectors> FromRaw(std::string_view bytes, const VectorSource& source) {
  if (source.dimension < 1) {
    return InvalidArgumentError(
        source.path, ": vectors are read from .npy and .safetensors files, or as raw float32 with ",
        "--dimension");
  }
  const auto d = static_cast<size_t>(source.dimension);
  if (d > bytes.size() || bytes.size() % (d * sizeof(float)) != 0) {
    return InvalidArgumentError(source.path, ": expected raw float32 vectors of dimension ", d,
                                ", a multiple of ", d * sizeof(float), " bytes, got ",
                                bytes.size());
  }
  Vectors vectors = {static_cast<int64_t>(bytes.size() / (d * sizeof(float))), source.dimension,
                     std::vector<float>(bytes.size() / sizeof(float))};
  std::memcpy(vectors.values.data(), bytes.data(), bytes.size());
  return vectors;
}

}  // namespace

Result<Vectors> ReadVectors(const Env& env, const VectorSource& source) {
  if (!source.tensor.empty() && !EndsWith(source.path, ".safetensors")) {
    return InvalidArgumentError("--tensor names an array of a .safetensors file; got ",
                                source.path);
  }
  TANDEM_ASSIGN_OR_RETURN(const auto mapped, env.Map(source.path));
  const std::string_view bytes = mapped->view();
  Result<Vectors> vectors = EndsWith(source.path, ".npy")           ? FromNpy(bytes, source.path)
                            : EndsWith(source.path, ".safetensors") ? FromSafetensors(bytes, source)
                                                                    : FromRaw(bytes, source);
  if (!vectors.ok()) return vectors;
  if (source.dimension > 0 && vectors->d != source.dimension) {
    return InvalidArgumentError(source.path, ": expected vectors of dimension ", source.dimension,
                                ", got ", vectors->d);
  }
  if (vectors->n >= std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError(source.path, ": ", vectors->n, " vectors, at most 2147483646");
  }
  const auto bad = std::find_if(vectors->values.begin(), vectors->values.end(),
                                [](float x) { return !std::isfinite(x); });
  if (bad != vectors->values.end()) {
    const int64_t at = bad - vectors->values.begin();
    return InvalidArgumentError(source.path, ": row ", at / vectors->d, ": number ",
                                at % vectors->d, " is ", *bad, "; expected finite numbers");
  }
  return vectors;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<std::vector<std::vector<int32_t>>> ReadExclusions(const Env& env, const std::string& path,
                                                         const index::IdMap& ids, int64_t queries) {
  TANDEM_ASSIGN_OR_RETURN(const std::string text, env.ReadFile(path));
  const std::vector<std::string_view> lines = Lines(text);
  if (static_cast<int64_t>(lines.size()) != queries) {
    return InvalidArgumentError(path, ": expected a line for each of ", queries, " queries, got ",
                                lines.size());
  }
  std::vector<std::vector<int32_t>> lists(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    while (!line.empty()) {
      const size_t end = std::min(line.find_first_of(" \t"), line.size());
      const std::string_view id = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      if (id.empty()) continue;
      const int32_t row = ids.Find(id);
      if (row >= 0) lists[i].push_back(row);
      if (row < 0 && ids.is_identity() && !format::ParseInt64(id).ok()) {
        return InvalidArgumentError(path, ":", i + 1, ": expected row numbers, got '",
                                    id.substr(0, 64), "'");
      }
    }
    std::sort(lists[i].begin(), lists[i].end());
    lists[i].erase(std::unique(lists[i].begin(), lists[i].end()), lists[i].end());
  }
  return lists;
}

Result<Restriction> Restriction::Read(const Env& env, const IndexRestriction& restriction,
                                      const index::IndexFile& index, int64_t queries) {
  Restriction read;
  if (!restriction.exclude.empty()) {
    TANDEM_ASSIGN_OR_RETURN(read.lists_,
                            ReadExclusions(env, restriction.exclude, index.ids, queries));
    read.views_.assign(read.lists_.begin(), read.lists_.end());
  }
  if (!restriction.filter.empty()) {
    auto rows = index::EvaluateFilter(restriction.filter, index.attributes);
    if (!rows.ok()) return rows.status().WithContext("--filter");
    read.filter_ = std::make_shared<const index::Bitmap>(*std::move(rows));
  }
  return read;
}

index::SearchOptions Restriction::Options(int64_t k, size_t begin, size_t count) const {
  index::SearchOptions options;
  options.k = k;
  if (!views_.empty()) options.exclude = std::span(views_).subspan(begin, count);
  options.filter = filter_.get();
  return options;
}

Result<Vectors> ReadQueries(const Env& env, const std::string& path, const std::string& tensor,
                            const index::IndexFile& index) {
  return ReadVectors(env, {path, index.index->dimension(), tensor});
}

}  // namespace tandem::cli
