// The file of an index: named sections of plain numbers, mapped into memory as they are.
//
//   auto writer = SnapshotWriter::Create(env, "i.index");
//   TANDEM_RETURN_IF_ERROR((*writer)->Add<float>("rows", rows));
//   TANDEM_RETURN_IF_ERROR((*writer)->Finish());
//
//   TANDEM_ASSIGN_OR_RETURN(const auto file, SnapshotFile::Open(env, "i.index"));
//   TANDEM_ASSIGN_OR_RETURN(const std::span<const float> rows, file->Section<float>("rows"));
//
// Layout, version 1; all numbers little-endian, sections and table at multiples of 64 bytes:
//   0    header, 64 bytes: magic "TANDEMIX", u32 version, zeros
//   64   the sections one after another, each with zeros after it up to a multiple of 64 bytes
//        table, 64 bytes a section in the order of the file: name (32 bytes, zeros after it),
//        u64 offset, u64 bytes, u64 XXH3 of the bytes, zeros
//   end  trailer, 64 bytes: magic "TANDEMTR", u32 version, u32 sections, u64 offset of the table,
//        u64 bytes of the file, zeros, u64 XXH3 of header, table and trailer up to here
// A section begins where the one before it ends, so none overlaps another or leaves a gap.
//
// Open looks at header, table and trailer: milliseconds at any size, and no damage to them is left
// unseen. Files of up to kVerifiedAtOpen bytes are verified whole then; of larger ones the bytes of
// sections are verified by Verify. So whoever reads a section must stay inside of memory with
// whatever bytes it holds: bound every count and offset before use, check every row.
//
// Files are replaced by a rename, never written in place (base/env.h says what happens otherwise):
// an open SnapshotFile goes on with the old bytes while the path has new ones.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tandem/base/checksum.h"
#include "tandem/base/env.h"
#include "tandem/base/replacement_file.h"
#include "tandem/base/status.h"

namespace tandem::index {

static_assert(std::endian::native == std::endian::little, "sections are read as they lie");

inline constexpr size_t kSnapshotAlignment = 64;        // bytes
inline constexpr size_t kMaxSectionName = 32;           // bytes
inline constexpr size_t kMaxSections = 1024;            // in a file
inline constexpr uint64_t kVerifiedAtOpen = 16u << 20;  // bytes

struct SnapshotSection {
  std::string name;
  uint64_t offset = 0;  // bytes from the start of the file
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH3
};

// Writes a ReplacementFile (base/replacement_file.h) section by section; Finish has it at the path.
// Until then, after an error and without Finish, what was there is as it was; what was written is
// removed by the destructor at the latest. For one thread; several may write to one path, and the
// last to finish stays.
//
// After an error every call returns the first one. kInvalidArgument: a name that is empty, longer
// than kMaxSectionName, has a NUL, or occurs twice; more than kMaxSections. Else as from the Env:
// kResourceExhausted for a full disk.
class SnapshotWriter {
 public:
  // Never null. The Env must outlive the writer.
  static Result<std::unique_ptr<SnapshotWriter>> Create(Env& env, const std::string& path);
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // A whole section; empty ones are fine.
  template <typename T>
  Status Add(std::string_view name, std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    TANDEM_RETURN_IF_ERROR(Begin(name));
    return Append(values);
  }
  // A section in pieces: Begin, then any number of Append. The next Begin or Finish ends it. Not
  // buffered: append kilobytes, not bytes.
  Status Begin(std::string_view name);
  template <typename T>
  Status Append(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    return AppendBytes(std::as_bytes(values));
  }
  // Has the file at its path and on disk. Nothing may follow.
  Status Finish();

 private:
  SnapshotWriter(std::string path, std::unique_ptr<ReplacementFile> file);
  Status AppendBytes(std::span<const std::byte> bytes);
  Status Put(std::string_view bytes);  // into the file
  Status Keep(Status status);          // the first error
  Status EndSection();

  std::string path_;
  std::unique_ptr<ReplacementFile> file_;  // null after an error
  Status status_;
  uint64_t written_ = 0;  // bytes in the file
  bool in_section_ = false;
  bool finished_ = false;
  ChecksumStream checksum_;  // of the section being written
  std::vector<SnapshotSection> sections_;
};

// An open file. Immutable, safe from many threads; spans live as long as this object.
class SnapshotFile {
 public:
  // Never null. kNotFound and the like as from the Env; kDataLoss for bytes that are not such a
  // file, are cut short or damaged; kFailedPrecondition for a version that this program does not
  // know. Messages name file, section, what was expected and what is there.
  static Result<std::shared_ptr<const SnapshotFile>> Open(const Env& env, const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return file_->bytes().size(); }
  const std::vector<SnapshotSection>& sections() const { return sections_; }
  bool Has(std::string_view name) const { return Find(name) != nullptr; }

  // The values of a section, at a multiple of 64 bytes. kNotFound, with the names that there are;
  // kDataLoss where the bytes are no whole number of values. The bytes may be anything at all.
  template <typename T>
  Result<std::span<const T>> Section(std::string_view name) const {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kSnapshotAlignment);
    TANDEM_ASSIGN_OR_RETURN(const std::span<const std::byte> raw, SectionBytes(name, sizeof(T)));
    return std::span<const T>(reinterpret_cast<const T*>(raw.data()), raw.size() / sizeof(T));
  }
  // The same where `count` values are expected: kDataLoss for any other number.
  template <typename T>
  Result<std::span<const T>> Section(std::string_view name, uint64_t count) const {
    TANDEM_ASSIGN_OR_RETURN(const std::span<const T> values, Section<T>(name));
    if (values.size() != count) return WrongCount(name, count, values.size());
    return values;
  }
  // One value: a section of sizeof(T) bytes.
  template <typename T>
  Result<T> Value(std::string_view name) const {
    TANDEM_ASSIGN_OR_RETURN(const std::span<const T> values, (Section<T>(name, 1)));
    return values[0];
  }

  // Reads every byte of the file, or of a section: kDataLoss where a checksum does not match.
  Status Verify() const;
  Status VerifySection(std::string_view name) const;

  // kDataLoss where one of the numbers of a section is not finite.
  Status CheckFinite(std::string_view name, std::span<const float> numbers) const;

  // kDataLoss "<path>: section '<name>': <what>": for the readers of sections.
  template <typename... Parts>
  Status Damaged(std::string_view name, const Parts&... what) const {
    return DataLossError(path_, ": section '", name, "': ", what...);
  }

 private:
  SnapshotFile(std::string path, std::shared_ptr<const MappedFile> file);
  Status Read();  // header, table, trailer
  const SnapshotSection* Find(std::string_view name) const;
  Result<std::span<const std::byte>> SectionBytes(std::string_view name, size_t value_bytes) const;
  Status WrongCount(std::string_view name, uint64_t expected, uint64_t got) const;
  Status Missing(std::string_view name) const;
  Status Check(const SnapshotSection& section) const;

  std::string path_;
  std::shared_ptr<const MappedFile> file_;
  std::vector<SnapshotSection> sections_;
};

}  // namespace tandem::index
