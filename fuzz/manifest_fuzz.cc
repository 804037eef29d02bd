// Bytes as a manifest or as a golden line; what parses must be written, and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tandem/bundle/manifest.h"

namespace {

template <typename Parse, typename Write>
void CheckRoundTrip(std::string_view text, Parse parse, Write write) {
  const auto value = parse(text);
  if (!value.ok()) return;
  const auto written = write(*value);
  if (!written.ok()) __builtin_trap();
  const auto again = parse(*written);
  if (!again.ok()) __builtin_trap();
  const auto rewritten = write(*again);
  if (!rewritten.ok() || *rewritten != *written) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckRoundTrip(text, tandem::bundle::ParseManifest, tandem::bundle::ManifestText);
  CheckRoundTrip(text, tandem::bundle::ParseGoldenLine, tandem::bundle::GoldenLine);
  return 0;
}
