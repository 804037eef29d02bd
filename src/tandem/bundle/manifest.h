// The manifest's text: what a bundle is, and the checksums of its files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tandem/bundle/bundle.h"

namespace tandem::bundle {

struct FileEntry {
  std::string name;
  int64_t bytes = 0;
  std::string xxh3;
};

struct Manifest {
  model::ModelConfig config;
  model::ModelSizes sizes;
  SignatureNames signature;
  Provenance provenance;
  std::vector<FileEntry> files;
};

Result<std::string> ManifestText(const Manifest& manifest);
// kDataLoss names the field; kFailedPrecondition for another schema version.
Result<Manifest> ParseManifest(std::string_view text);

// A golden sample as one line of JSON, and back.
Result<std::string> GoldenLine(const GoldenSample& sample);
Result<GoldenSample> ParseGoldenLine(std::string_view line);

}  // namespace tandem::bundle
