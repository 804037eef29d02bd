// Names of version directories and of the files and arrays in one, for reader and writer; see
// docs/bundle.md.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace tandem::bundle {

inline constexpr int64_t kSchemaVersion = 1;
inline constexpr char kManifest[] = "manifest.json";
inline constexpr char kManifestChecksum[] = "manifest.json.xxh3";
inline constexpr char kModel[] = "model.safetensors";
inline constexpr char kItems[] = "items.safetensors";
inline constexpr char kUsers[] = "users.safetensors";
inline constexpr char kUserVocabulary[] = "vocabulary/users.txt";
inline constexpr char kItemVocabulary[] = "vocabulary/items.txt";
inline constexpr char kCategoryVocabulary[] = "vocabulary/categories.txt";
inline constexpr char kGolden[] = "golden.jsonl";

// A version that is being written, or removed, has this behind its number.
inline constexpr std::string_view kTemporary = ".tmp";

// 17 of "17"; 0 of anything else. Versions are 1 and up, without leading zeros.
inline int64_t VersionOf(std::string_view name) {
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && version > 0 && name.front() != '0' && name.front() != '+' ? version : 0;
}

}  // namespace tandem::bundle
