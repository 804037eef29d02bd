#include "tandem/index/id_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tandem/base/memory_env.h"
#include "tandem/base/rng.h"
#include "tandem/index/testing/seal.h"

namespace tandem::index {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<std::string_view> Views(const std::vector<std::string>& ids) {
  return {ids.begin(), ids.end()};
}

// Ids of any bytes and of 0 to 40 letters, all different.
std::vector<std::string> RandomIds(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::set<std::string> seen;
  std::vector<std::string> ids;
  while (ids.size() < n) {
    std::string id(rng.UniformInt(41), '\0');
    for (char& letter : id) letter = static_cast<char>(rng.UniformInt(256));
    if (seen.insert(id).second) ids.push_back(id);
  }
  return ids;
}

void WriteMap(Env& env, const IdMap& map) {
  const auto writer = SnapshotWriter::Create(env, "a");
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(map.Write(**writer).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
}

Result<IdMap> OpenMap(const Env& env, int64_t n) {
  TANDEM_ASSIGN_OR_RETURN(auto file, SnapshotFile::Open(env, "a"));
  return IdMap::Open(std::move(file), n);
}

void ExpectIs(const IdMap& map, const std::vector<std::string>& ids) {
  ASSERT_EQ(map.size(), static_cast<int64_t>(ids.size()));
  for (size_t row = 0; row < ids.size(); ++row) {
    ASSERT_EQ(map.Find(ids[row]), static_cast<int32_t>(row));
    ASSERT_EQ(*map.Id(static_cast<int32_t>(row)), ids[row]);
  }
  EXPECT_TRUE(map.Verify().ok());
}

TEST(IdMapTest, FindsEveryIdBothWaysBuiltAndOpened) {
  for (const size_t n : {0u, 1u, 2u, 3u, 64u, 1000u}) {
    const std::vector<std::string> ids = RandomIds(n, n);
    const auto built = IdMap::Build(Views(ids));
    ASSERT_TRUE(built.ok()) << built.status();
    ExpectIs(*built, ids);
    MemoryEnv env;
    WriteMap(env, *built);
    const auto opened = OpenMap(env, static_cast<int64_t>(n));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_FALSE(opened->is_identity());
    ExpectIs(*opened, ids);
    for (const std::string& id : RandomIds(200, 77)) {
      const auto at = std::find(ids.begin(), ids.end(), id);
      ASSERT_EQ(opened->Find(id), at == ids.end() ? -1 : at - ids.begin());
    }
  }
}

TEST(IdMapTest, KeepsAliveWhatItLooksAt) {
  MemoryEnv env;
  Result<IdMap> map = InternalError("none yet");
  {
    const std::vector<std::string> ids = {"a", "b"};
    const auto built = IdMap::Build(Views(ids));
    ASSERT_TRUE(built.ok());
    WriteMap(env, *built);
    map = OpenMap(env, 2);
  }
  ASSERT_TRUE(map.ok()) << map.status();
  const IdMap copy = *map;
  map = InternalError("gone");
  EXPECT_EQ(copy.Find("b"), 1);
}

TEST(IdMapTest, TheSameIdsGiveTheSameBytes) {
  MemoryEnv env;
  const std::vector<std::string> ids = RandomIds(100, 5);
  WriteMap(env, *IdMap::Build(Views(ids)));
  const std::string first = *env.ReadFile("a");
  WriteMap(env, *OpenMap(env, 100));
  EXPECT_EQ(*env.ReadFile("a"), first);
}

TEST(IdMapTest, RowNumbersAreTheIdsWhereThereAreNoOthers) {
  const IdMap map = IdMap::Identity(120);
  EXPECT_TRUE(map.is_identity());
  EXPECT_EQ(*map.Id(0), "0");
  EXPECT_EQ(*map.Id(119), "119");
  EXPECT_EQ(map.Find("0"), 0);
  EXPECT_EQ(map.Find("119"), 119);
  for (const char* id : {"", "120", "-1", "-0", "+1", "01", "00", "1 ", " 1", "1x", "0x1",
                         "99999999999999999999", "4294967297"}) {
    EXPECT_EQ(map.Find(id), -1) << id;
  }
  EXPECT_TRUE(map.Verify().ok());
  MemoryEnv env;
  WriteMap(env, map);
  EXPECT_TRUE((*SnapshotFile::Open(env, "a"))->sections().empty());
  const auto opened = OpenMap(env, 120);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->is_identity());
  EXPECT_EQ(opened->size(), 120);
}

TEST(IdMapTest, AnIdThatOccursTwiceIsToldWithBothRows) {
  const std::vector<std::string> ids = {"a", "same", "b", "same"};
  const Status status = IdMap::Build(Views(ids)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "ids: 'same' occurs twice, in rows 1 and 3");
}

TEST(IdMapTest, AnIdOfMoreThan1024BytesIsToldWithItsRow) {
  const std::vector<std::string> longest = {std::string(1024, 'x')};
  const auto map = IdMap::Build(Views(longest));
  ASSERT_TRUE(map.ok()) << map.status();
  ExpectIs(*map, longest);
  EXPECT_EQ(map->Find(std::string(1025, 'x')), -1);
  const std::vector<std::string> longer = {"a", std::string(1025, 'x')};
  const Status status = IdMap::Build(Views(longer)).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("row 1"), HasSubstr("1025 bytes, at most 1024")));
}

TEST(IdMapTest, ARowThatIsNotThereHasNoId) {
  const std::vector<std::string> ids = {"a"};
  const auto map = IdMap::Build(Views(ids));
  for (const int32_t row : {-1, 1, 2'000'000'000}) {
    EXPECT_EQ(map->Id(row).status().code(), StatusCode::kInvalidArgument) << row;
    EXPECT_EQ(IdMap::Identity(1).Id(row).status().code(), StatusCode::kInvalidArgument) << row;
  }
}

TEST(IdMapTest, SectionsThatDoNotFitTheRowsAreRefused) {
  MemoryEnv env;
  WriteMap(env, *IdMap::Build(Views(RandomIds(10, 3))));
  for (const int64_t n : {-1, 0, 9, 11, 2'147'483'647}) {
    EXPECT_EQ(OpenMap(env, n).status().code(), StatusCode::kDataLoss) << n;
  }
  const std::vector<uint64_t> offsets = {0, 1, 2};
  const std::vector<char> bytes = {'a', 'b'};
  const std::vector<uint32_t> table = {1, 2, 0, 0};
  const std::vector<uint64_t> ends_early = {0, 1, 1};
  const std::vector<uint64_t> begins_late = {1, 1, 2};
  const std::vector<uint32_t> odd_table = {1, 2, 0, 0, 0};
  const std::vector<uint32_t> small_table = {1, 2};
  const auto open = [&](const std::vector<uint64_t>& o, const std::vector<uint32_t>& t) {
    const auto writer = SnapshotWriter::Create(env, "a");
    EXPECT_TRUE((*writer)->Add<uint64_t>("ids.offsets", o).ok());
    EXPECT_TRUE((*writer)->Add<char>("ids.bytes", bytes).ok());
    EXPECT_TRUE((*writer)->Add<uint32_t>("ids.table", t).ok());
    EXPECT_TRUE((*writer)->Finish().ok());
    return OpenMap(env, 2).status();
  };
  EXPECT_TRUE(open(offsets, table).ok());
  EXPECT_EQ(open(ends_early, table).code(), StatusCode::kDataLoss);
  EXPECT_EQ(open(begins_late, table).code(), StatusCode::kDataLoss);
  EXPECT_EQ(open(offsets, odd_table).code(), StatusCode::kDataLoss);
  EXPECT_EQ(open(offsets, small_table).code(), StatusCode::kDataLoss);
  EXPECT_EQ(open(offsets, {}).code(), StatusCode::kDataLoss);
}

TEST(IdMapTest, WithOneOfItsSectionsMissingItIsNotTheIdentity) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "a");
  const std::vector<uint32_t> table = {1, 0};
  ASSERT_TRUE((*writer)->Add<uint32_t>("ids.table", table).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_EQ(OpenMap(env, 1).status().code(), StatusCode::kNotFound);
}

TEST(IdMapTest, AFullTableOfWrongRowsEndsTheSearch) {
  MemoryEnv env;
  const auto writer = SnapshotWriter::Create(env, "a");
  const std::vector<uint64_t> offsets = {0, 1};
  const std::vector<char> bytes = {'a'};
  const std::vector<uint32_t> table = {2, 0xffffffff, 7, 9};
  ASSERT_TRUE((*writer)->Add<uint64_t>("ids.offsets", offsets).ok());
  ASSERT_TRUE((*writer)->Add<char>("ids.bytes", bytes).ok());
  ASSERT_TRUE((*writer)->Add<uint32_t>("ids.table", table).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto map = OpenMap(env, 1);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->Find("a"), -1);
  EXPECT_EQ(*map->Id(0), "a");
  EXPECT_EQ(map->Verify().code(), StatusCode::kDataLoss);
  EXPECT_THAT(map->Verify().message(), HasSubstr("id 'a': expected row 0, got -1"));
}

// Damage behind matching checksums: every answer is the true one, none, or an error; and Verify
// finds what changes an answer.
TEST(IdMapTest, RandomDamageGivesWrongAnswersOnlyWhereVerifyFails) {
  MemoryEnv env;
  const std::vector<std::string> ids = RandomIds(50, 9);
  WriteMap(env, *IdMap::Build(Views(ids)));
  const std::string good = *env.ReadFile("a");
  Rng rng(4);
  int opened = 0;
  int failed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int edit = 0; edit < 4; ++edit) {
      bytes[rng.UniformInt(bytes.size())] = static_cast<char>(rng.UniformInt(256));
    }
    ASSERT_TRUE(env.WriteFile("a", testing::Seal(bytes)).ok());
    const auto map = OpenMap(env, 50);
    if (!map.ok()) continue;
    ++opened;
    const bool verified = map->Verify().ok();
    failed += verified ? 0 : 1;
    for (int32_t row = 0; row < 50; ++row) {
      const auto id = map->Id(row);
      const int32_t found = map->Find(ids[static_cast<size_t>(row)]);
      ASSERT_LT(found, 50);
      if (verified && *id == ids[static_cast<size_t>(row)]) {
        ASSERT_EQ(found, row);
      }
    }
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(failed, 100);
}

}  // namespace
}  // namespace tandem::index
