#include "tandem/cli/index_input.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "tandem/format/csv.h"
#include "tandem/format/npy.h"
#include "tandem/format/safetensors.h"
#include "tandem/index/filter.h"
#include "tandem/math/kernels.h"

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
  if (shape.size() == 2 && shape[1] >= 1 && shape[1] <= index::kMaxDimension) return {};
  return InvalidArgumentError(what, ": expected vectors [n, d], d at most ", index::kMaxDimension,
                              ", got an array of shape ", ShapeText(shape));
}

// The float32 numbers [n, d] that are a part of a file: as they lie there, or a copy where that is
// at no multiple of 4.
Vectors VectorsAt(const std::shared_ptr<const MappedFile>& file, std::string_view part, int64_t n,
                  int64_t d) {
  static_assert(std::endian::native == std::endian::little, "numbers are used as they are stored");
  const size_t count = part.size() / sizeof(float);
  if (reinterpret_cast<uintptr_t>(part.data()) % alignof(float) == 0) {
    return {n, d, {reinterpret_cast<const float*>(part.data()), count}, file};
  }
  const auto copy = std::make_shared<std::vector<float>>(count);
  if (!part.empty()) std::memcpy(copy->data(), part.data(), part.size());
  return {n, d, *copy, copy};
}

Result<Vectors> FromNpy(const std::shared_ptr<const MappedFile>& file, const std::string& path) {
  const auto array = format::ViewNpyFloats(file->view());
  if (!array.ok()) return array.status().WithContext(path);
  TANDEM_RETURN_IF_ERROR(CheckShape(path, array->shape));
  return VectorsAt(file, array->bytes, array->shape[0], array->shape[1]);
}

Result<Vectors> FromSafetensors(const std::shared_ptr<const MappedFile>& file,
                                const VectorSource& source) {
  const auto reader = format::SafetensorsReader::Parse(file->view());
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
  const auto floats = format::FloatBytes(**view);
  if (!floats.ok()) return floats.status().WithContext(what);
  TANDEM_RETURN_IF_ERROR(CheckShape(what, (*view)->shape));
  return VectorsAt(file, *floats, (*view)->shape[0], (*view)->shape[1]);
}

Result<Vectors> FromRaw(const std::shared_ptr<const MappedFile>& file, const VectorSource& source) {
  const std::string_view bytes = file->view();
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
  const auto n = static_cast<int64_t>(bytes.size() / (d * sizeof(float)));
  return VectorsAt(file, bytes, n, source.dimension);
}

}  // namespace

Result<Vectors> ReadVectors(const Env& env, const VectorSource& source) {
  if (!source.tensor.empty() && !EndsWith(source.path, ".safetensors")) {
    return InvalidArgumentError("--tensor names an array of a .safetensors file; got ",
                                source.path);
  }
  TANDEM_ASSIGN_OR_RETURN(const auto file, env.Map(source.path));
  Result<Vectors> vectors = EndsWith(source.path, ".npy")           ? FromNpy(file, source.path)
                            : EndsWith(source.path, ".safetensors") ? FromSafetensors(file, source)
                                                                    : FromRaw(file, source);
  if (!vectors.ok()) return vectors;
  if (source.dimension > 0 && vectors->d != source.dimension) {
    return InvalidArgumentError(source.path, ": expected vectors of dimension ", source.dimension,
                                ", got ", vectors->d);
  }
  if (vectors->n >= std::numeric_limits<int32_t>::max()) {
    return InvalidArgumentError(source.path, ": ", vectors->n, " vectors, at most 2147483646");
  }
  if (math::AllFinite(vectors->values)) return vectors;
  const auto bad = std::find_if(vectors->values.begin(), vectors->values.end(),
                                [](float x) { return !std::isfinite(x); });
  const int64_t at = bad - vectors->values.begin();
  return InvalidArgumentError(source.path, ": row ", at / vectors->d, ": number ", at % vectors->d,
                              " is ", *bad, "; expected finite numbers");
}

Status CheckDifferent(const Env& env, const NamedPath& a, const NamedPath& b) {
  if (a.path.empty() || b.path.empty()) return {};
  const auto whole = [&env](const std::string& path) {
    const Result<std::string> end = env.FollowLinks(path);
    std::error_code failed;  // then it is compared as it is
    const std::filesystem::path given = end.ok() ? *end : path;
    const std::filesystem::path absolute = std::filesystem::absolute(given, failed);
    return (failed ? given : absolute).lexically_normal();
  };
  if (whole(a.path) != whole(b.path)) return {};
  return InvalidArgumentError(a.flag, " and ", b.flag, " are the same file, '", a.path,
                              "'; expected two");
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
  std::vector<std::string_view> lines = Lines(text);
  // What stands between lines need not stand behind the last one, which may be empty.
  const bool may_end = text.empty() || text.back() == '\n';
  if (may_end && static_cast<int64_t>(lines.size()) + 1 == queries) lines.emplace_back();
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
