// For tests of hostile snapshots: the bytes of a snapshot with all checksums as its writer would
// have made them, so that damage is seen by what reads the sections and not by a checksum.
// Pure; whatever does not look like a snapshot stays as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tandem/base/checksum.h"

namespace tandem::index::testing {

inline uint64_t GetU64(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) {
    value |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}

inline void SetU64(std::string& bytes, size_t at, uint64_t value) {
  for (size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

// Layout: snapshot_file.h.
inline std::string Seal(std::string bytes) {
  constexpr uint64_t kRecord = 64;
  if (bytes.size() < 2 * kRecord) return bytes;
  const uint64_t trailer_at = bytes.size() - kRecord;
  const uint64_t count = GetU64(bytes, trailer_at + 8) >> 32;
  if (count > trailer_at / kRecord) return bytes;
  const uint64_t table_at = trailer_at - count * kRecord;
  for (uint64_t entry = table_at; entry < trailer_at; entry += kRecord) {
    const uint64_t offset = GetU64(bytes, entry + 32);
    const uint64_t size = GetU64(bytes, entry + 40);
    if (offset > table_at || size > table_at - offset) continue;
    SetU64(bytes, entry + 48, Checksum(std::string_view(bytes).substr(offset, size)));
  }
  SetU64(bytes, bytes.size() - 8,
         Checksum(bytes.substr(0, kRecord) + bytes.substr(table_at, bytes.size() - 8 - table_at)));
  return bytes;
}

}  // namespace tandem::index::testing
