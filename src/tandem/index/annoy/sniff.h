// Which metric and dimension the bytes of an Annoy file are of.
//
// Every layout whose node size divides the file is tried, and kept where CheckNodes finds nothing
// against it. Time is linear in the bytes times the (few) node sizes that a cheap look at the first
// and last nodes does not rule out. Errors: as annoy_file.h says. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tandem/base/status.h"
#include "tandem/index/annoy/check.h"
#include "tandem/index/annoy/layout.h"

namespace tandem::index::annoy {

// What is known of a file beforehand.
struct AnnoyFileOptions {
  std::optional<AnnoyMetric> metric;
  int64_t dimension = 0;  // 0: not known
};

struct Sniffed {
  Layout layout;
  Forest forest;
};

// bytes.data() is aligned to 8 bytes.
Result<Sniffed> Sniff(std::string_view bytes, const AnnoyFileOptions& options);

}  // namespace tandem::index::annoy
