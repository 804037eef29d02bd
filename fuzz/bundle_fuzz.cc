// One file of a small valid bundle replaced by the input, with the checksums made right again, so
// that everything behind them is reached: an error, or a bundle that answers.
//
// The first byte names the file (low three bits) and the kind of model (the three above); the rest
// are the bytes of the file. A lone first byte stands for the file as it was written, from which
// the mutator starts.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tandem/base/checksum.h"
#include "tandem/base/memory_env.h"
#include "tandem/bundle/golden.h"
#include "tandem/bundle/layout.h"
#include "tandem/bundle/manifest.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/bundle/writer.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using tandem::MemoryEnv;
using tandem::bundle::Bundle;

constexpr char kBase[] = "base";
constexpr char kVersion[] = "base/1";
constexpr uint8_t kKinds = 8;
// In the order of the first byte's low bits; the manifest is the one that no checksum lists.
constexpr std::array<const char*, 8> kFiles = {tandem::bundle::kManifest,
                                               tandem::bundle::kModel,
                                               tandem::bundle::kItems,
                                               tandem::bundle::kUsers,
                                               tandem::bundle::kUserVocabulary,
                                               tandem::bundle::kItemVocabulary,
                                               tandem::bundle::kCategoryVocabulary,
                                               tandem::bundle::kGolden};

std::string Path(const char* file) { return tandem::JoinPath(kVersion, file); }

// The files of a valid bundle, in the order of kFiles.
using Files = std::array<std::string, kFiles.size()>;

Files WriteTiny(uint8_t kind) {
  using namespace tandem::model;
  tandem::bundle::testing::TinyOptions options;
  options.users = 3;
  options.items = 5;
  options.config = ModelConfig();
  options.config.dimension = 3;
  options.config.rating_layers = {2};
  options.config.rating_dimension = 2;
  options.config.query = (kind & 1) != 0 ? QueryFeature::kHistory : QueryFeature::kUserId;
  options.config.rating = (kind & 2) != 0 ? RatingHead::kFactors : RatingHead::kMlp;
  if ((kind & 4) != 0) {
    options.config.item = ItemFeatures::kIdAndCategories;
    options.config.popularity = PopularityTerm::kLastCoordinate;
  }
  MemoryEnv env;
  const Bundle bundle = tandem::bundle::testing::TinyBundle(1, options);
  (void)tandem::bundle::WriteNextVersion(env, kBase, bundle).value();
  Files files;
  for (size_t i = 0; i < files.size(); ++i) files[i] = env.ReadFile(Path(kFiles[i])).value();
  return files;
}

const Files& ValidFiles(uint8_t first) {
  static const std::vector<Files> all = [] {
    std::vector<Files> made;
    for (uint8_t kind = 0; kind < kKinds; ++kind) made.push_back(WriteTiny(kind));
    return made;
  }();
  return all[(first >> 3) % kKinds];
}

size_t FileOf(uint8_t first) { return first % kFiles.size(); }

// The manifest with the size and checksum of the replaced file.
std::string ManifestFor(const std::string& text, size_t file, const std::string& bytes) {
  tandem::bundle::Manifest manifest = tandem::bundle::ParseManifest(text).value();
  for (tandem::bundle::FileEntry& entry : manifest.files) {
    if (entry.name != kFiles[file]) continue;
    entry.bytes = static_cast<int64_t>(bytes.size());
    entry.xxh3 = tandem::ChecksumHex(bytes);
  }
  return tandem::bundle::ManifestText(manifest).value();
}

// Asks the bundle everything that a server would.
void Ask(const Bundle& bundle) {
  (void)tandem::bundle::ReplayGolden(bundle);
  std::vector<int32_t> users;
  std::vector<int32_t> items;
  for (int32_t user = -1; user < bundle.users.ids.size(); ++user) {
    for (int32_t item = -1; item < bundle.items.ids.size(); ++item) {
      users.push_back(user);
      items.push_back(item);
    }
  }
  (void)tandem::bundle::PredictRatings(bundle, users, items);
  for (int32_t user = 0; user < bundle.users.ids.size(); ++user) {
    (void)tandem::bundle::EncodeHistory(bundle, bundle.users.history[user]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Files files = ValidFiles(data[0]);
  const size_t file = FileOf(data[0]);
  if (size > 1) files[file].assign(data + 1, data + size);
  if (file != 0) files[0] = ManifestFor(files[0], file, files[file]);

  MemoryEnv env;
  if (!env.CreateDirectory(Path("vocabulary")).ok()) __builtin_trap();
  for (size_t i = 0; i < files.size(); ++i) {
    if (!env.WriteFile(Path(kFiles[i]), files[i]).ok()) __builtin_trap();
  }
  const std::string checksum = tandem::ChecksumHex(files[0]) + '\n';
  if (!env.WriteFile(Path(tandem::bundle::kManifestChecksum), checksum).ok()) __builtin_trap();

  const auto bundle = tandem::bundle::ReadVersion(env, kVersion);
  if (bundle.ok()) {
    Ask(**bundle);
  } else if (size == 1) {
    __builtin_trap();  // the valid bundle
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::minstd_rand random(seed);
  if (max_size < 2) return size;
  if (size < 2 || random() % 64 == 0) {
    if (size == 0 || random() % 4 == 0) data[0] = static_cast<uint8_t>(random());
    const std::string& valid = ValidFiles(data[0])[FileOf(data[0])];
    size = 1 + std::min(valid.size(), max_size - 1);
    std::memcpy(data + 1, valid.data(), size - 1);
  }
  return 1 + LLVMFuzzerMutate(data + 1, size - 1, max_size - 1);
}
