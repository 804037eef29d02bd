// The file of an ExactIndex, whole and damaged.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/bitmap.h"
#include "tandem/index/exact_index.h"
#include "tandem/index/testing/search.h"

namespace tandem::index {
namespace {

using testing::Found;
using testing::Normals;
using testing::Search;

std::string WriteIndex(const ExactIndex& index, MemoryEnv& env) {
  auto writer = SnapshotWriter::Create(env, "i.index").value();
  EXPECT_TRUE(index.Write(*writer).ok());
  const Status status = writer->Finish();
  EXPECT_TRUE(status.ok()) << status;
  return env.ReadFile("i.index").value();
}

TEST(ExactIndexFile, AnswersAsTheIndexThatWasWritten) {
  Rng rng(11);
  for (const Metric metric : kMetrics) {
    for (const RowFormat format : {RowFormat::kFloat, RowFormat::kInt8}) {
      for (const int64_t n : {0, 1, 100, 3000}) {
        const std::vector<float> rows = Normals(static_cast<size_t>(n) * 17, rng);
        const auto written =
            ExactIndex::Create(rows, n, 17, {.metric = metric, .rows = format}).value();
        MemoryEnv env;
        WriteIndex(*written, env);
        const auto opened = ExactIndex::Open(SnapshotFile::Open(env, "i.index").value()).value();
        EXPECT_EQ(opened->metric(), metric);
        EXPECT_EQ(opened->row_format(), format);
        EXPECT_EQ(opened->size(), n);
        const std::vector<float> queries = Normals(3 * 17, rng);
        const Found got = Search(*opened, queries, 10);
        const Found want = Search(*written, queries, 10);
        EXPECT_EQ(got.ids, want.ids);
        EXPECT_EQ(got.scores, want.scores);
      }
    }
  }
}

// Squares beyond the largest float: some scores are infinite, and the index is a sound file.
TEST(ExactIndexFile, IsSoundWithVectorsWhoseSquaresOverflow) {
  Rng rng(6);
  std::vector<float> rows = Normals(500 * 8, rng);
  for (size_t j = 0; j < 8; ++j) rows[3 * 8 + j] = 3e37F;
  rows[5 * 8] = std::numeric_limits<float>::max();
  for (const Metric metric : kMetrics) {
    const auto index = ExactIndex::Create(rows, 500, 8, {.metric = metric}).value();
    MemoryEnv env;
    WriteIndex(*index, env);
    const auto opened = ExactIndex::Open(SnapshotFile::Open(env, "i.index").value());
    ASSERT_TRUE(opened.ok()) << opened.status();
    const std::vector<float> query(8, 1.0F);
    const Found got = Search(**opened, query, 500);
    EXPECT_EQ(got.ids, Search(*index, query, 500).ids);
    EXPECT_EQ(std::set<int32_t>(got.ids.begin(), got.ids.end()).size(), 500U);
    if (metric == Metric::kCosine) continue;
    const size_t place = metric == Metric::kL2 ? 498 : 0;  // of the two that are far
    EXPECT_EQ(got.ids[place] + got.ids[place + 1], 3 + 5);
  }
}

TEST(ExactIndexFile, HasTheSameBytesEachTime) {
  Rng rng(13);
  const std::vector<float> rows = Normals(2500 * 20, rng);
  MemoryEnv env;
  const std::string first = WriteIndex(*ExactIndex::Create(rows, 2500, 20).value(), env);
  EXPECT_EQ(WriteIndex(*ExactIndex::Create(rows, 2500, 20).value(), env), first);
}

TEST(ExactIndexFile, HasTheSameBytesWhosesoeverTheRows) {
  Rng rng(14);
  const std::vector<float> rows = Normals(2500 * 20, rng);
  for (const Metric metric : kMetrics) {
    for (const RowFormat format : {RowFormat::kFloat, RowFormat::kInt8}) {
      ExactOptions options = {.metric = metric, .rows = format};
      MemoryEnv env;
      const std::string own = WriteIndex(*ExactIndex::Create(rows, 2500, 20, options).value(), env);
      options.ownership = RowOwnership::kBorrowed;
      EXPECT_EQ(WriteIndex(*ExactIndex::Create(rows, 2500, 20, options).value(), env), own);
    }
  }
}

// The sections of a file anew, each changed by change(name, bytes).
template <typename Change>
std::shared_ptr<const SnapshotFile> Damage(const SnapshotFile& file, MemoryEnv& env,
                                           const Change& change) {
  auto writer = SnapshotWriter::Create(env, "damaged.index").value();
  for (const SnapshotSection& section : file.sections()) {
    const std::span<const uint8_t> bytes = file.Section<uint8_t>(section.name).value();
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    change(section.name, copy);
    EXPECT_TRUE(writer->Add<uint8_t>(section.name, copy).ok());
  }
  EXPECT_TRUE(writer->Finish().ok());
  return SnapshotFile::Open(env, "damaged.index").value();
}

// Large files are not verified at opening: whatever they say, an answer has items alone.
TEST(ExactIndexFile, WithItemsThatAreNoneFindsNone) {
  Rng rng(16);
  const std::vector<float> rows = Normals(700 * 8, rng);
  MemoryEnv env;
  WriteIndex(*ExactIndex::Create(rows, 700, 8).value(), env);
  const auto file = SnapshotFile::Open(env, "i.index").value();
  const auto change = [](const std::string& name, std::vector<uint8_t>& bytes) {
    if (name == "exact.item_of" || name == "exact.place_of") {
      std::fill(bytes.begin(), bytes.end(), 0x7F);
    }
  };
  const auto index = ExactIndex::Open(Damage(*file, env, change)).value();
  const std::vector<float> query = Normals(8, rng);
  Bitmap few(700);  // scored one by one
  for (int32_t item = 0; item < 200; ++item) few.Set(item);
  const Bitmap all = Bitmap::All(700);
  for (const Bitmap* filter : std::initializer_list<const Bitmap*>{&few, &all}) {
    std::vector<int32_t> ids(20);
    std::vector<float> scores(20);
    ASSERT_TRUE(index->Search(query, {.k = 20, .filter = filter}, ids, scores).ok());
    EXPECT_EQ(ids, std::vector<int32_t>(20, -1));
  }
}

TEST(ExactIndexFile, WithBoxesThatAreNoNumbersAnswers) {
  Rng rng(17);
  const std::vector<float> rows = Normals(3000 * 8, rng);
  const std::vector<float> query = Normals(8, rng);
  MemoryEnv env;
  WriteIndex(*ExactIndex::Create(rows, 3000, 8).value(), env);
  const auto file = SnapshotFile::Open(env, "i.index").value();
  for (const std::string_view boxes : {"exact.block_boxes", "exact.tile_boxes"}) {
    const auto change = [&](const std::string& name, std::vector<uint8_t>& bytes) {
      if (name == boxes) std::fill(bytes.begin(), bytes.end(), 0xFF);  // NaN
    };
    const auto index = ExactIndex::Open(Damage(*file, env, change)).value();
    std::vector<int32_t> ids(20);
    std::vector<float> scores(20);
    EXPECT_TRUE(index->Search(query, {.k = 20}, ids, scores).ok());
  }
}

// Damage that checksums do not show, as in a large file whose sections are not verified: what
// opens answers without leaving memory (under the address sanitizer), the rest says why not.
TEST(ExactIndexFile, WithAnythingInItsSectionsOpensOrSaysWhyNot) {
  Rng rng(15);
  const std::vector<float> query = Normals(8, rng);
  for (const int32_t n : {700, 3000}) {
    const std::vector<float> rows = Normals(static_cast<size_t>(n) * 8, rng);
    MemoryEnv env;
    WriteIndex(*ExactIndex::Create(rows, n, 8).value(), env);
    const auto file = SnapshotFile::Open(env, "i.index").value();
    int opened = 0;
    for (int round = 0; round < 250; ++round) {
      // One number of four bytes changed in one of the sections.
      const std::string& victim = file->sections()[rng.UniformInt(file->sections().size())].name;
      const auto change = [&](const std::string& name, std::vector<uint8_t>& bytes) {
        if (name != victim || bytes.size() < 4) return;
        const size_t place = rng.UniformInt(bytes.size() / 4) * 4;
        for (size_t j = 0; j < 4; ++j) bytes[place + j] = static_cast<uint8_t>(rng.UniformInt(256));
      };
      const auto index = ExactIndex::Open(Damage(*file, env, change));
      if (!index.ok()) {
        EXPECT_EQ(index.status().code(), StatusCode::kDataLoss) << index.status();
        continue;
      }
      ++opened;
      std::vector<int32_t> ids(20);
      std::vector<float> scores(20);
      ASSERT_TRUE((*index)->Search(query, {.k = 20}, ids, scores).ok());
      std::vector<float> vector(8);
      for (int32_t row = 0; row < n; ++row) (*index)->CopyVector(row, vector);
    }
    EXPECT_GT(opened, 60);
  }
}

}  // namespace
}  // namespace tandem::index
