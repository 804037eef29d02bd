#include "tandem/index/snapshot_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <numeric>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/testing/seal.h"

namespace tandem::index {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Seal;
using testing::SetU64;

// Three sections: 12, 0 and 80 bytes, so the file has 64 (header) + 64 + 0 + 128 (padded sections)
// + 3 * 64 (table) + 64 (trailer) = 512 bytes.
constexpr size_t kTableAt = 256;
constexpr size_t kTrailerAt = 448;
constexpr size_t kBytes = 512;

Status WriteThree(Env& env, const std::string& path) {
  TANDEM_ASSIGN_OR_RETURN(const auto writer, SnapshotWriter::Create(env, path));
  const std::vector<float> rows = {1, 2, 3};
  TANDEM_RETURN_IF_ERROR(writer->Add<float>("rows", rows));
  TANDEM_RETURN_IF_ERROR(writer->Add<int32_t>("nothing", {}));
  std::vector<int64_t> numbers(10);
  std::iota(numbers.begin(), numbers.end(), 5);
  TANDEM_RETURN_IF_ERROR(writer->Begin("numbers"));
  const std::span<const int64_t> all = numbers;
  TANDEM_RETURN_IF_ERROR(writer->Append(all.first(3)));
  TANDEM_RETURN_IF_ERROR(writer->Append(all.subspan(3)));
  return writer->Finish();
}

std::string ThreeAsBytes() {
  MemoryEnv env;
  EXPECT_TRUE(WriteThree(env, "a").ok());
  return *env.ReadFile("a");
}

Status OpenBytes(std::string_view bytes) {
  MemoryEnv env;
  EXPECT_TRUE(env.WriteFile("a", bytes).ok());
  return SnapshotFile::Open(env, "a").status();
}

TEST(SnapshotFileTest, GivesBackTheSectionsThatWereWritten) {
  MemoryEnv env;
  ASSERT_TRUE(WriteThree(env, "a").ok());
  EXPECT_EQ(env.ListDirectory(".")->size(), 1u);  // no temporary
  const auto opened = SnapshotFile::Open(env, "a");
  ASSERT_TRUE(opened.ok()) << opened.status();
  const SnapshotFile& file = **opened;
  EXPECT_EQ(file.bytes(), kBytes);
  ASSERT_EQ(file.sections().size(), 3u);
  EXPECT_EQ(file.sections()[2].name, "numbers");
  EXPECT_EQ(file.sections()[2].offset, 128u);
  EXPECT_EQ(file.sections()[2].bytes, 80u);
  EXPECT_THAT(*file.Section<float>("rows"), ElementsAre(1, 2, 3));
  EXPECT_THAT(*file.Section<int32_t>("nothing"), ElementsAre());
  EXPECT_THAT(*file.Section<int64_t>("numbers"), ElementsAre(5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file.Section<int64_t>("numbers")->data()) % 64, 0u);
  EXPECT_TRUE(file.Has("rows"));
  EXPECT_FALSE(file.Has("row"));
  EXPECT_TRUE(file.Verify().ok());
  EXPECT_TRUE(file.VerifySection("rows").ok());
}

TEST(SnapshotFileTest, AFileWithoutSectionsIsFine) {
  MemoryEnv env;
  {
    const auto writer = SnapshotWriter::Create(env, "a");
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  const auto file = SnapshotFile::Open(env, "a");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->bytes(), 128u);
  EXPECT_THAT((*file)->Section<float>("rows").status().message(), HasSubstr("there are: none"));
}

TEST(SnapshotFileTest, ASectionThatIsNotThereIsToldWithThoseThatAre) {
  MemoryEnv env;
  ASSERT_TRUE(WriteThree(env, "a").ok());
  const auto file = SnapshotFile::Open(env, "a");
  ASSERT_TRUE(file.ok()) << file.status();
  const Status missing = (*file)->Section<float>("ids").status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "a: no section 'ids'; there are: rows, nothing, numbers");
  EXPECT_EQ((*file)->VerifySection("ids").code(), StatusCode::kNotFound);
}

TEST(SnapshotFileTest, ASectionOfAnotherSizeIsToldWithBoth) {
  MemoryEnv env;
  ASSERT_TRUE(WriteThree(env, "a").ok());
  const auto opened = SnapshotFile::Open(env, "a");
  ASSERT_TRUE(opened.ok()) << opened.status();
  const SnapshotFile& file = **opened;
  const Status odd = file.Section<int64_t>("rows").status();  // 12 bytes
  EXPECT_EQ(odd.code(), StatusCode::kDataLoss);
  EXPECT_EQ(odd.message(), "a: section 'rows': expected a multiple of 8 bytes, got 12");
  const Status few = file.Section<float>("rows", 4).status();
  EXPECT_EQ(few.code(), StatusCode::kDataLoss);
  EXPECT_EQ(few.message(), "a: section 'rows': expected 4 values, got 3");
  EXPECT_TRUE(file.Section<float>("rows", 3).ok());
  EXPECT_EQ(file.Value<float>("rows").status().code(), StatusCode::kDataLoss);
  EXPECT_EQ((file.Value<std::array<float, 3>>("rows")->at(2)), 3);
}

TEST(SnapshotFileTest, EveryPrefixIsRefused) {
  const std::string bytes = ThreeAsBytes();
  ASSERT_EQ(bytes.size(), kBytes);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const Status status = OpenBytes(std::string_view(bytes).substr(0, n));
    ASSERT_EQ(status.code(), StatusCode::kDataLoss) << n << " bytes: " << status;
    ASSERT_THAT(status.message(), HasSubstr("a: "));
  }
  EXPECT_EQ(OpenBytes(bytes + '\0').code(), StatusCode::kDataLoss);
  EXPECT_EQ(OpenBytes(bytes + bytes).code(), StatusCode::kDataLoss);
}

TEST(SnapshotFileTest, EveryFlippedBitOfASmallFileIsFoundAtOpen) {
  const std::string bytes = ThreeAsBytes();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const Status status = OpenBytes(damaged);
    ASSERT_EQ(status.code(), StatusCode::kDataLoss) << "bit " << bit << ": " << status;
  }
}

TEST(SnapshotFileTest, DamageOfASectionIsToldWithItsNameAndBothChecksums) {
  std::string bytes = ThreeAsBytes();
  const std::string good = ChecksumHex(std::string_view(bytes).substr(64, 12));
  bytes[64] ^= 1;
  const std::string bad = ChecksumHex(std::string_view(bytes).substr(64, 12));
  EXPECT_THAT(
      OpenBytes(bytes).message(),
      AllOf(HasSubstr("section 'rows': expected checksum " + good), HasSubstr("got " + bad)));
}

// Larger than kVerifiedAtOpen: Open reads no section, Verify finds the flip.
TEST(SnapshotFileTest, DamageInsideOfALargeFileIsFoundByVerify) {
  MemoryEnv env;
  {
    const auto writer = SnapshotWriter::Create(env, "a");
    const std::vector<uint8_t> first(1000, 7);
    const std::vector<uint8_t> second(kVerifiedAtOpen, 7);
    ASSERT_TRUE((*writer)->Add<uint8_t>("first", first).ok());
    ASSERT_TRUE((*writer)->Add<uint8_t>("second", second).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  std::string bytes = *env.ReadFile("a");
  bytes[64 + 1024 + 123'456] ^= 4;
  ASSERT_TRUE(env.WriteFile("a", bytes).ok());
  const auto file = SnapshotFile::Open(env, "a");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->VerifySection("first").ok());
  EXPECT_EQ((*file)->VerifySection("second").code(), StatusCode::kDataLoss);
  EXPECT_THAT((*file)->Verify().message(), HasSubstr("section 'second'"));
}

TEST(SnapshotFileTest, AForeignFileIsToldByItsFirstBytes) {
  EXPECT_EQ(OpenBytes("").code(), StatusCode::kDataLoss);
  EXPECT_THAT(OpenBytes(StrCat("\x93NUMPY\x01\x02", std::string(500, 'x'))).message(),
              AllOf(HasSubstr("not an index of Tandem"), HasSubstr("got '.NUMPY..'")));
}

TEST(SnapshotFileTest, AnotherVersionIsToldAsSuch) {
  std::string bytes = ThreeAsBytes();
  bytes[8] = bytes[kTrailerAt + 8] = 2;
  const Status status = OpenBytes(Seal(bytes));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("version 2"), HasSubstr("reads version 1")));
}

// Tables as a hostile writer could make them, checksum included: whatever they say, no span
// leaves the file.
TEST(SnapshotFileTest, HostileTablesAreRefusedBehindAMatchingChecksum) {
  const std::string good = ThreeAsBytes();
  ASSERT_TRUE(OpenBytes(Seal(good)).ok());
  const size_t second = kTableAt + 64;
  const size_t third = kTableAt + 128;
  const uint64_t huge = ~uint64_t{0};
  const std::vector<std::pair<const char*, std::function<void(std::string&)>>> faults = {
      {"offset after the end", [&](std::string& b) { SetU64(b, third + 32, 4096); }},
      {"offset not aligned", [&](std::string& b) { SetU64(b, third + 32, 129); }},
      {"overlap", [&](std::string& b) { SetU64(b, third + 32, 64); }},
      {"offset in the header", [&](std::string& b) { SetU64(b, kTableAt + 32, 0); }},
      {"offset near 2^64", [&](std::string& b) { SetU64(b, third + 32, huge - 63); }},
      {"size 2^64 - 1", [&](std::string& b) { SetU64(b, third + 40, huge); }},
      {"size into the table", [&](std::string& b) { SetU64(b, third + 40, 129); }},
      {"size that leaves a gap", [&](std::string& b) { SetU64(b, third + 40, 10); }},
      {"size that moves the next", [&](std::string& b) { SetU64(b, second + 40, 1); }},
      {"name twice", [&](std::string& b) { b.replace(third, 32, b.substr(kTableAt, 32)); }},
      {"no name", [&](std::string& b) { b.replace(third, 32, 32, '\0'); }},
      {"name with a NUL inside", [&](std::string& b) { b[third + 9] = 'x'; }},
      {"bytes after an entry", [&](std::string& b) { b[third + 60] = 1; }},
      {"bytes in the header", [&](std::string& b) { b[20] = 1; }},
      {"bytes in the trailer", [&](std::string& b) { b[kTrailerAt + 40] = 1; }},
      {"size of the file", [&](std::string& b) { SetU64(b, kTrailerAt + 24, 513); }},
  };
  for (const auto& fault : faults) {
    std::string bytes = good;
    fault.second(bytes);
    const Status status = OpenBytes(Seal(bytes));
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << fault.first << ": " << status;
  }
  for (const uint64_t count : {uint64_t{0}, uint64_t{2}, uint64_t{4}, uint64_t{6}, uint64_t{7},
                               uint64_t{1025}, uint64_t{0xffffffff}}) {
    std::string bytes = good;
    SetU64(bytes, kTrailerAt + 8, 1 | count << 32);
    EXPECT_EQ(OpenBytes(Seal(bytes)).code(), StatusCode::kDataLoss) << count << " sections";
    // And with the table where so many would begin.
    const uint64_t table_at = kTrailerAt - 64 * count;
    SetU64(bytes, kTrailerAt + 16, table_at);
    EXPECT_EQ(OpenBytes(Seal(bytes)).code(), StatusCode::kDataLoss)
        << count << " sections at " << table_at;
  }
  for (const uint64_t at : {uint64_t{0}, uint64_t{64}, uint64_t{192}, uint64_t{320}, huge - 63}) {
    std::string bytes = good;
    SetU64(bytes, kTrailerAt + 16, at);
    EXPECT_EQ(OpenBytes(Seal(bytes)).code(), StatusCode::kDataLoss) << "table at " << at;
  }
}

// Many random damages behind a matching checksum: refused, or every section lies in the file.
TEST(SnapshotFileTest, RandomTablesNeverGiveASpanOutsideOfTheFile) {
  const std::string good = ThreeAsBytes();
  Rng rng(17);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = good;
    for (int edit = 0; edit < 3; ++edit) {
      const size_t at = kTableAt + static_cast<size_t>(rng.UniformInt(kBytes - kTableAt));
      bytes[at] = static_cast<char>(rng.UniformInt(256));
    }
    MemoryEnv env;
    ASSERT_TRUE(env.WriteFile("a", Seal(bytes)).ok());
    const auto file = SnapshotFile::Open(env, "a");
    refused += file.ok() ? 0 : 1;
    if (!file.ok()) continue;
    for (const SnapshotSection& section : (*file)->sections()) {
      ASSERT_LE(section.offset + section.bytes, kTableAt);
    }
  }
  EXPECT_GT(refused, 4000);
}

TEST(SnapshotWriterTest, BadNamesAreRefusedAndEndTheWriting) {
  for (const std::string& name :
       {std::string(), std::string(33, 'x'), std::string("a\0b", 3), std::string("twice")}) {
    MemoryEnv env;
    const auto writer = SnapshotWriter::Create(env, "a");
    ASSERT_TRUE((*writer)->Begin("twice").ok());
    const Status status = (*writer)->Begin(name);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name;
    EXPECT_EQ((*writer)->Begin("good"), status);
    EXPECT_EQ((*writer)->Append(std::span<const int>()), status);
    EXPECT_EQ((*writer)->Finish(), status);
    EXPECT_TRUE(env.ListDirectory(".")->empty());
  }
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "a");
  EXPECT_TRUE((*writer)->Begin(std::string(32, 'x')).ok());
}

TEST(SnapshotWriterTest, TooManySectionsAreRefused) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "a");
  for (size_t i = 0; i < kMaxSections; ++i) {
    ASSERT_TRUE((*writer)->Begin(StrCat("s", i)).ok());
  }
  EXPECT_EQ((*writer)->Begin("one more").code(), StatusCode::kInvalidArgument);
}

TEST(SnapshotWriterTest, CallsOutOfOrderAreRefused) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "a");
  const std::vector<int> values = {1};
  EXPECT_EQ((*writer)->Append<int>(values).code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*writer)->Finish().ok());
  EXPECT_EQ((*writer)->Begin("a").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ((*writer)->Finish().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(SnapshotFile::Open(env, "a").ok());
}

TEST(SnapshotWriterTest, WithoutFinishTheOldFileStaysAndTheTemporaryGoes) {
  MemoryEnv env;
  ASSERT_TRUE(env.WriteFile("a", "old").ok());
  {
    const auto writer = SnapshotWriter::Create(env, "a");
    ASSERT_TRUE((*writer)->Begin("rows").ok());
    EXPECT_EQ(env.ListDirectory(".")->size(), 2u);
  }
  EXPECT_EQ(*env.ReadFile("a"), "old");
  EXPECT_EQ(env.ListDirectory(".")->size(), 1u);
}

TEST(SnapshotWriterTest, WritesOnlyWhereAFileCanBe) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectory("d").ok());
  EXPECT_EQ(SnapshotWriter::Create(env, "d").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(SnapshotWriter::Create(env, "no/a").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(SnapshotWriter::Create(env, "").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(env.ListDirectory(".")->size(), 1u);
}

// Not one of them writes into what another has published.
TEST(SnapshotWriterTest, TwoWritersOfOnePathLeaveTheWholeFileOfTheLast) {
  MemoryEnv env;
  const auto first = SnapshotWriter::Create(env, "a").value();
  const auto second = SnapshotWriter::Create(env, "a").value();
  const std::vector<float> ones(1000, 1.0F);
  const std::vector<float> twos(10, 2.0F);
  ASSERT_TRUE(first->Add<float>("rows", ones).ok());
  ASSERT_TRUE(second->Begin("rows").ok());
  ASSERT_TRUE(first->Finish().ok());
  const auto published = SnapshotFile::Open(env, "a").value();
  ASSERT_TRUE(second->Append(std::span<const float>(twos)).ok());
  EXPECT_TRUE(SnapshotFile::Open(env, "a").ok());
  ASSERT_TRUE(second->Finish().ok());
  EXPECT_TRUE(published->Verify().ok());
  EXPECT_EQ(SnapshotFile::Open(env, "a").value()->Section<float>("rows")->size(), 10U);
  EXPECT_EQ(env.ListDirectory(".")->size(), 1U);
}

// A disk that is full from the n-th change on, for every n until the writing goes through: the old
// file opens with its old bytes, and the next writing succeeds.
TEST(SnapshotWriterTest, TheOldFileSurvivesAFailureOfEveryChange) {
  const std::string after = ThreeAsBytes();
  int n = 1;
  for (bool failed = true; failed; ++n) {
    ASSERT_LE(n, 20) << "never succeeds";
    MemoryEnv env;
    {
      const auto writer = SnapshotWriter::Create(env, "a");
      ASSERT_TRUE((*writer)->Finish().ok());
    }
    const std::string before = *env.ReadFile("a");
    env.FailFromChange(n);
    const Status status = WriteThree(env, "a");
    failed = !status.ok();
    if (failed) {
      EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
    }
    EXPECT_EQ(*env.ReadFile("a"), failed ? before : after) << "change " << n;
    EXPECT_TRUE(SnapshotFile::Open(env, "a").ok());
    env.FailFromChange(0);
    EXPECT_TRUE(WriteThree(env, "a").ok());
    EXPECT_EQ(*env.ReadFile("a"), after);
    // What this disk did not let be removed is in nobody's way.
    EXPECT_LE(env.ListDirectory(".")->size(), 2u);
  }
  // Create, header, rows, padding, two pieces of numbers, padding, table and trailer, close,
  // rename: 10 changes, so the failures are 1 to 10 and the 11th went through.
  EXPECT_EQ(n - 1, 11);
}

}  // namespace
}  // namespace tandem::index
