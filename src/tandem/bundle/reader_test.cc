#include "tandem/bundle/reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "tandem/base/checksum.h"
#include "tandem/base/memory_env.h"
#include "tandem/bundle/golden.h"
#include "tandem/bundle/layout.h"
#include "tandem/bundle/manifest.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/bundle/writer.h"
#include "tandem/format/safetensors.h"

namespace tandem::bundle {
namespace {

constexpr char kVersion[] = "base/1";
constexpr const char* kListedFiles[] = {
    kModel, kItems, kUsers, kUserVocabulary, kItemVocabulary, kCategoryVocabulary, kGolden};

// A valid version, files of which are then replaced with checksums that fit.
class ReadVersionTest : public ::testing::Test {
 protected:
  ReadVersionTest() {
    testing::TinyOptions options;
    options.users = 3;
    options.items = 4;
    options.config.dimension = 2;
    options.config.rating_layers = {2, 2};
    EXPECT_TRUE(WriteNextVersion(env_, "base", testing::TinyBundle(1, options)).ok());
  }

  std::string Get(const std::string& file) {
    return env_.ReadFile(JoinPath(kVersion, file)).value();
  }
  void Put(const std::string& file, const std::string& bytes) {
    ASSERT_TRUE(env_.WriteFile(JoinPath(kVersion, file), bytes).ok());
  }

  void PutManifest(const std::string& text) {
    Put(kManifest, text);
    Put(kManifestChecksum, ChecksumHex(text) + '\n');
  }
  void EditManifest(const std::function<void(Manifest&)>& edit) {
    Manifest manifest = ParseManifest(Get(kManifest)).value();
    edit(manifest);
    PutManifest(ManifestText(manifest).value());
  }
  void Replace(const std::string& file, const std::string& bytes) {
    Put(file, bytes);
    EditManifest([&](Manifest& manifest) {
      for (FileEntry& entry : manifest.files) {
        if (entry.name != file) continue;
        entry.bytes = static_cast<int64_t>(bytes.size());
        entry.xxh3 = ChecksumHex(bytes);
      }
    });
  }
  // A number in the array `name`, which starts with it.
  void ReplaceFirstFloat(const std::string& file, const std::string& name, float number) {
    std::string bytes = Get(file);
    const auto reader = format::SafetensorsReader::Parse(bytes).value();
    const std::string_view array = reader.Get(name).value()->bytes;
    std::memcpy(bytes.data() + (array.data() - bytes.data()), &number, sizeof(number));
    Replace(file, bytes);
  }

  Status Read() { return ReadVersion(env_, kVersion).status(); }

  MemoryEnv env_;
};

TEST_F(ReadVersionTest, ReadsWhatWasWritten) {
  ASSERT_TRUE(Read().ok()) << Read();
  EXPECT_TRUE(ReplayGolden(**ReadVersion(env_, kVersion)).ok());
}

TEST_F(ReadVersionTest, NamesTheFileWhoseBytesChanged) {
  for (const char* file : kListedFiles) {
    const std::string bytes = Get(file);
    std::string damaged = bytes;
    damaged.back() ^= 1;
    Put(file, damaged);
    EXPECT_EQ(Read().code(), StatusCode::kDataLoss);
    EXPECT_NE(Read().message().find(file), std::string::npos) << Read();
    Put(file, bytes);
  }
  Put(kManifest, Get(kManifest) + ' ');
  EXPECT_EQ(Read().code(), StatusCode::kDataLoss);
}

// With checksums that fit, so that the decoders have to notice.
TEST_F(ReadVersionTest, RefusesEveryFileCutAtEveryByte) {
  for (const char* file : kListedFiles) {
    const std::string bytes = Get(file);
    for (size_t n = 0; n < bytes.size(); ++n) {
      Replace(file, bytes.substr(0, n));
      // Whole lines of golden samples are fewer samples.
      const bool is_whole =
          file == std::string(kGolden) && (n == 0 || bytes[n - 1] == '\n' || bytes[n] == '\n');
      ASSERT_EQ(Read().code(), is_whole ? StatusCode::kOk : StatusCode::kDataLoss)
          << file << " cut at " << n << ": " << Read();
    }
    Replace(file, bytes);
  }
  const std::string manifest = Get(kManifest);
  for (size_t n = 0; n < manifest.size(); ++n) {
    PutManifest(manifest.substr(0, n));
    ASSERT_EQ(Read().code(), StatusCode::kDataLoss) << "manifest cut at " << n;
  }
}

// 16 layers of 65,536 units on 4 inputs are 4 * 65,536 + 15 * 65,536^2 numbers, 240 GiB; the
// tables of 3 users, 4 items and 3 categories have 10 more.
TEST_F(ReadVersionTest, RefusesAModelThatItsFileCannotHoldBeforeAllocatingIt) {
  EditManifest([](Manifest& manifest) { manifest.config.rating_layers.assign(16, 65536); });
  EXPECT_EQ(Read().code(), StatusCode::kDataLoss);
  EXPECT_NE(Read().message().find("cannot hold the 64424771594 numbers"), std::string::npos)
      << Read();
  EditManifest([](Manifest& manifest) {
    manifest.config.rating = model::RatingHead::kFactors;
    manifest.config.rating_dimension = 4096;  // of 3 users and twice 4 items: 45,056 numbers
  });
  EXPECT_NE(Read().message().find("cannot hold"), std::string::npos) << Read();
}

// Scores of such numbers would be infinite or, as a difference of infinities, no number at all.
TEST_F(ReadVersionTest, RefusesNumbersWhoseProductsOverflow) {
  for (const auto& [file, array] :
       std::vector<std::pair<std::string, std::string>>{{kItems, "embedding"},
                                                        {kUsers, "embedding"},
                                                        {kUsers, "unknown"},
                                                        {kModel, "item/id"}}) {
    const std::string bytes = Get(file);
    for (const float number : {2e17F, -3e38F, std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()}) {
      ReplaceFirstFloat(file, array, number);
      EXPECT_EQ(Read().code(), StatusCode::kDataLoss) << file << " " << number;
      EXPECT_NE(Read().message().find(array + " holds "), std::string::npos) << Read();
    }
    ReplaceFirstFloat(file, array, 1e17F);
    EXPECT_TRUE(Read().ok()) << Read();
    Replace(file, bytes);
  }
}

}  // namespace
}  // namespace tandem::bundle
