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
#include <string_view>
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
  options.config.rating_layers = {2, 2};
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

using Random = std::minstd_rand;

bool IsNumber(uint8_t c) { return std::strchr("0123456789+-.eE", c) != nullptr && c != 0; }

// One number of a JSON text replaced by one at the edge of some type.
void ReplaceNumber(Random& random, std::vector<uint8_t>& text) {
  constexpr std::array<std::string_view, 12> kNumbers = {
      "0",          "-1",   "1",    "4096",    "65536", "1073741824",
      "2147483648", "1e18", "3e38", "-3.4e38", "1e300", "9223372036854775807"};
  if (text.empty()) return;
  const auto digit = std::find_if(text.begin() + static_cast<ptrdiff_t>(random() % text.size()),
                                  text.end(), [](uint8_t c) { return c >= '0' && c <= '9'; });
  auto begin = digit;
  while (begin != text.begin() && IsNumber(begin[-1])) --begin;
  const auto end = std::find_if_not(digit, text.end(), IsNumber);
  const std::string_view number = kNumbers[random() % kNumbers.size()];
  const auto at = text.erase(begin, end);
  text.insert(at, number.begin(), number.end());
}

// One number of a safetensors file's arrays, which end it, replaced by a large one.
void ReplaceElement(Random& random, std::vector<uint8_t>& file) {
  constexpr std::array<float, 6> kFloats = {3e38F, -3e38F, 1e19F, -1e19F, 1e-40F, 0};
  constexpr std::array<int64_t, 4> kIntegers = {INT64_MAX, INT64_MIN, int64_t{1} << 31, -1};
  const size_t place = 4 * (1 + random() % 64);
  if (place > file.size()) return;
  uint8_t* const at = file.data() + file.size() - place;
  if (random() % 2 == 0 || place < sizeof(int64_t)) {
    std::memcpy(at, &kFloats[random() % kFloats.size()], sizeof(float));
  } else {
    std::memcpy(at, &kIntegers[random() % kIntegers.size()], sizeof(int64_t));
  }
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
  Random random(seed);
  if (max_size < 2 || size == 0) return LLVMFuzzerMutate(data, size, max_size);
  if (random() % 64 == 0) {
    data[0] = static_cast<uint8_t>(random());
    size = 1;
  }
  std::vector<uint8_t> bytes(data + 1, data + size);
  const size_t file = FileOf(data[0]);
  if (bytes.empty()) {
    const std::string& valid = ValidFiles(data[0])[file];
    bytes.assign(valid.begin(), valid.end());
  }
  const std::string_view name = kFiles[file];
  const bool is_json = name.find(".json") != std::string_view::npos;
  const bool is_arrays = name.find(".safetensors") != std::string_view::npos;
  while (random() % 2 == 0) {
    if (is_json) ReplaceNumber(random, bytes);
    if (is_arrays) ReplaceElement(random, bytes);
  }
  size = std::min(bytes.size(), max_size - 1);
  std::memcpy(data + 1, bytes.data(), size);
  if (random() % 2 == 0) size = LLVMFuzzerMutate(data + 1, size, max_size - 1);
  return 1 + size;
}
