// Bytes as a TOML config; what follows a NUL byte is a --set key=value.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/cli/config_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(data, data + size);
  const size_t nul = bytes.find('\0');
  std::vector<std::string> settings;
  if (nul != std::string::npos) settings.push_back(bytes.substr(nul + 1));
  tandem::MemoryEnv env;
  if (!env.WriteFile("config.toml", bytes.substr(0, nul)).ok()) __builtin_trap();
  (void)tandem::cli::ReadTrainingConfig(env, "config.toml", settings);
  return 0;
}
