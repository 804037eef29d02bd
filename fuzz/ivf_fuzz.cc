// Whole files of the approximate engine, of every metric, that were damaged behind matching
// checksums: opened, and where that works every way to ask them is taken. No answer may leave the
// items.
//
// Input that begins as a snapshot is one. Any other is damage to a small index that is built here,
// so that what the corpus holds does not age with the layout: a byte that chooses the metric, then
// patches of four bytes, a place in the file (two bytes), a value, and how often it is repeated.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/filter.h"
#include "tandem/index/index_file.h"
#include "tandem/index/index_update.h"
#include "tandem/index/testing/seal.h"

namespace {

using tandem::index::IndexFile;

constexpr int64_t kRows = 90;
constexpr int64_t kDimension = 6;
constexpr char kPath[] = "i";

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

tandem::index::AttributeTable Attributes() {
  tandem::index::AttributeTable table(kRows);
  std::vector<double> years;
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> codes;
  for (int64_t row = 0; row < kRows; ++row) {
    years.push_back(static_cast<double>(row));
    codes.push_back(row % 4 == 0 ? 1 : 0);
    offsets.push_back(row + 1);
  }
  Require(table.AddNumbers("year", years).ok());
  Require(table.AddCategories("genre", std::vector<std::string>{"a", "b"}, offsets, codes).ok());
  return table;
}

std::string Build(tandem::index::Metric metric) {
  tandem::Rng rng(5);
  std::vector<float> rows;
  for (int64_t i = 0; i < kRows * kDimension; ++i) rows.push_back(rng.Normal());
  std::vector<std::string> names;
  for (int64_t row = 0; row < kRows; ++row) names.push_back(tandem::StrCat("i", row));
  const auto ids =
      tandem::index::IdMap::Build(std::vector<std::string_view>(names.begin(), names.end()));
  tandem::index::IvfOptions options;
  options.metric = metric;
  options.lists = 7;
  const auto ivf = tandem::index::IvfIndex::Create(rows, kRows, kDimension, options);
  tandem::MemoryEnv env;
  Require(tandem::index::WriteIndexFile(env, kPath, **ivf, *ids, Attributes()).ok());
  return env.ReadFile(kPath).value();
}

const std::vector<std::string>& Files() {
  static const auto* const files = [] {
    auto* const built = new std::vector<std::string>();
    for (const auto metric : tandem::index::kMetrics) built->push_back(Build(metric));
    return built;
  }();
  return *files;
}

std::string Damage(std::span<const uint8_t> data) {
  std::string bytes = Files()[data[0] % Files().size()];
  for (size_t at = 1; at + 4 <= data.size(); at += 4) {
    const size_t place = (data[at] | size_t{data[at + 1]} << 8) % bytes.size();
    for (size_t i = place; i <= place + data[at + 3] % 16 && i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(data[at + 2]);
    }
  }
  return bytes;
}

// `filter`: null for none.
void Search(const IndexFile& index, const tandem::index::Bitmap* filter, size_t k) {
  const auto d = static_cast<size_t>(index.index->dimension());
  const auto n = static_cast<int32_t>(index.index->size());
  std::vector<float> queries(2 * d, 0.5F);
  queries[0] = -3;
  const std::array<int32_t, 3> left_out = {0, 2, 77};
  const std::array<std::span<const int32_t>, 2> exclude = {left_out, std::span<const int32_t>()};
  std::vector<int32_t> rows(2 * k);
  std::vector<float> scores(2 * k);
  tandem::index::SearchOptions options;
  options.k = static_cast<int64_t>(k);
  options.filter = filter;
  options.exclude = exclude;
  if (!index.index->Search(queries, options, rows, scores).ok()) return;
  for (const int32_t row : rows) Require(row >= -1 && row < n);
}

void Open(const std::string& bytes) {
  tandem::MemoryEnv env;
  Require(env.WriteFile(kPath, bytes).ok());
  const auto index = tandem::index::OpenIndexFile(env, kPath);
  if (!index.ok() || index->ivf == nullptr) return;
  const auto n = static_cast<size_t>(index->index->size());
  for (const size_t k : {size_t{1}, size_t{10}, n + 3}) Search(*index, nullptr, k);
  for (const char* text : {"genre = b", "year < 3", "NOT genre = b OR year = 7"}) {
    const auto filter = tandem::index::EvaluateFilter(text, index->attributes);
    if (filter.ok()) Search(*index, &*filter, 10);
  }
  const auto items = tandem::index::CopyItems(*index);
  Require(!items.ok() || items->ids.size() == index->index->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view start = "TANDEMIX";
  const std::string raw(data, data + size);
  Open(tandem::index::testing::Seal(raw.substr(0, start.size()) == start ? raw
                                                                         : Damage({data, size})));
  return 0;
}
