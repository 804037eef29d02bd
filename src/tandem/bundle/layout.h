// Names of files and arrays in a version directory, for reader and writer; see docs/bundle.md.
#pragma once

#include <cstdint>

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

}  // namespace tandem::bundle
