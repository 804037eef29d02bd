// A byte of what is told (metric, dimension), then an .ann file; what opens is searched to its end
// in both ways, and written anew where it is dot.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/index/annoy/annoy_exact.h"
#include "tandem/index/annoy/annoy_file.h"
#include "tandem/index/annoy/annoy_index.h"
#include "tandem/index/annoy/annoy_writer.h"

namespace annoy = tandem::index::annoy;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  annoy::AnnoyFileOptions told;
  if (data[0] % 6 < 5) told.metric = static_cast<annoy::AnnoyMetric>(data[0] % 6);
  told.dimension = data[0] / 6;
  const auto file = annoy::AnnoyFile::Parse(std::string(data + 1, data + size), told);
  if (!file.ok()) return 0;

  const std::vector<float> query(static_cast<size_t>((*file)->layout().dimension), 0.6F);
  const annoy::AnnoyIndex index(*file);
  const auto exact = annoy::AnnoyExact::Create(*file);
  const auto found = index.SearchByVector(query, 1'000'000, 1'000'000'000);
  const auto few = index.SearchByVector(query, 3);
  if (!found.ok() || !few.ok()) __builtin_trap();
  // Vectors near the largest float are no vectors of an exact index.
  if (exact.ok() && !(*exact)->SearchByVector(query, 3).ok()) __builtin_trap();
  if ((*file)->layout().metric == annoy::AnnoyMetric::kDot && (*file)->n_trees() <= 8) {
    const auto bytes = annoy::RepairDotFile(**file);
    told.metric = annoy::AnnoyMetric::kDot;
    told.dimension = (*file)->layout().dimension;
    if (bytes.ok() && !annoy::AnnoyFile::Parse(*bytes, told).ok()) __builtin_trap();
  }
  return 0;
}
