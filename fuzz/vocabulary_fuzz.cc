// Vocabulary::FromText on any bytes: an error, or a vocabulary that its own text gives again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tandem/feature/vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tandem::feature::Vocabulary;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto vocabulary = Vocabulary::FromText(text);
  if (!vocabulary.ok()) return 0;
  const auto again = Vocabulary::FromText(vocabulary->ToText());
  if (!again.ok() || !(*again == *vocabulary)) std::abort();
  for (const std::string& token : vocabulary->tokens()) {
    if (vocabulary->Find(token) == 0) std::abort();
  }
  return 0;
}
