// What the tests of compatibility with Annoy ask of tandem_index_annoy, one verb each:
//   annoy_tool build METRIC DIMENSION TREES ROWS IDS OUT   floats, int32 ids ("-": none), raw
//   annoy_tool info FILE [METRIC DIMENSION]                 what it is, and its items as raw floats
//   annoy_tool search FILE METRIC DIMENSION QUERIES N K     "id distance ..." for each query, as
//   Annoy annoy_tool exact FILE METRIC DIMENSION QUERIES N        the same, exactly annoy_tool
//   repair FROM TO
// Prints an error and ends with 1 where there is one.
#include <charconv>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/index/annoy/annoy_exact.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/annoy_writer.h"

namespace tandem::index::annoy {
namespace {

int64_t Number(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <typename T>
Result<std::vector<T>> ReadRaw(const std::string& path) {
  std::vector<T> values;
  if (path == "-") return values;
  TANDEM_ASSIGN_OR_RETURN(const std::string bytes, Env::Posix().ReadFile(path));
  values.resize(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

Result<std::shared_ptr<const AnnoyFile>> Open(const std::vector<std::string>& words) {
  AnnoyFileOptions options;
  if (words.size() > 3) {
    TANDEM_ASSIGN_OR_RETURN(options.metric, ParseAnnoyMetric(words[2]));
    options.dimension = Number(words[3]);
  }
  return AnnoyFile::Open(Env::Posix(), words[1], options);
}

Status Search(const std::vector<std::string>& words) {
  TANDEM_ASSIGN_OR_RETURN(const auto file, Open(words));
  TANDEM_ASSIGN_OR_RETURN(const auto queries, ReadRaw<float>(words[4]));
  TANDEM_ASSIGN_OR_RETURN(const auto exact, AnnoyExact::Create(file));
  const AnnoyIndex index(file);
  const auto d = static_cast<size_t>(file->layout().dimension);
  for (size_t at = 0; at + d <= queries.size(); at += d) {
    const auto query = std::span<const float>(queries).subspan(at, d);
    const int64_t n = Number(words[5]);
    TANDEM_ASSIGN_OR_RETURN(const auto found,
                            words[0] == "exact"
                                ? exact->SearchByVector(query, n)
                                : index.SearchByVector(query, n, Number(words.at(6))));
    for (const Neighbour& neighbour : found) {
      std::cout << neighbour.id << ' ' << neighbour.distance << ' ';
    }
    std::cout << '\n';
  }
  return Status();
}

Status Build(const std::vector<std::string>& words) {
  BuildOptions options;
  TANDEM_ASSIGN_OR_RETURN(options.metric, ParseAnnoyMetric(words[1]));
  options.trees = Number(words[3]);
  TANDEM_ASSIGN_OR_RETURN(const auto rows, ReadRaw<float>(words[4]));
  TANDEM_ASSIGN_OR_RETURN(const auto ids, ReadRaw<int32_t>(words[5]));
  TANDEM_ASSIGN_OR_RETURN(const std::string bytes,
                          BuildAnnoyFile(rows, Number(words[2]), ids, options));
  return WriteFileAtomically(Env::Posix(), words[6], bytes);
}

Status Info(const std::vector<std::string>& words) {
  TANDEM_ASSIGN_OR_RETURN(const auto file, Open(words));
  const Items items = file->CopyItems();
  std::cout << file->Describe() << '\n';
  for (const int32_t id : items.ids) std::cout << id << ' ';
  std::cout << '\n';
  std::cout.write(reinterpret_cast<const char*>(items.rows.data()),
                  static_cast<std::streamsize>(4 * items.rows.size()));
  return Status();
}

Status Run(const std::vector<std::string>& words) {
  if (words.size() == 7 && words[0] == "build") return Build(words);
  if (words.size() >= 2 && words[0] == "info") return Info(words);
  if (words.size() >= 6 && (words[0] == "search" || words[0] == "exact")) return Search(words);
  if (words.size() == 3 && words[0] == "repair") {
    return RepairDotFile(Env::Posix(), words[1], words[2]);
  }
  return InvalidArgumentError("annoy_tool: see the first lines of its source");
}

}  // namespace
}  // namespace tandem::index::annoy

int main(int argc, char** argv) {
  std::cout.precision(9);
  const tandem::Status status =
      tandem::index::annoy::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) std::cerr << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
