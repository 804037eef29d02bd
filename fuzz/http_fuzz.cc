// Bytes as a request's target, as percent-encoded text, and as what is quoted in an answer.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tandem/format/json.h"
#include "tandem/serving/net/http.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tandem::net::PercentDecode;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tandem::net::HttpRequest request;
  if (tandem::net::ParseTarget(text, request).ok()) {
    if (request.path.empty() || request.path[0] != '/') __builtin_trap();
    for (const auto& [name, value] : request.query) {
      if (name.size() + value.size() > size) __builtin_trap();
      if (request.Query(name) == nullptr) __builtin_trap();
    }
  }
  for (const bool plus_is_space : {false, true}) {
    const auto decoded = PercentDecode(text, plus_is_space);
    if (!decoded) continue;
    if (decoded->size() > size || decoded->find('\0') != std::string::npos) __builtin_trap();
  }
  const auto quoted = tandem::format::ParseJson(tandem::net::JsonQuote(text));
  if (!quoted.ok() || !quoted->IsString()) __builtin_trap();
  return 0;
}
