#include "tandem/index/snapshot_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace tandem::index {
namespace {

constexpr uint32_t kVersion = 1;
constexpr std::string_view kMagic = "TANDEMIX";
constexpr std::string_view kTrailerMagic = "TANDEMTR";
constexpr size_t kRecord = 64;               // bytes of header, table entry and trailer each
constexpr size_t kChecksumAt = kRecord - 8;  // in the trailer
constexpr std::string_view kZeros(
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    kRecord);

uint64_t Aligned(uint64_t bytes) {
  return (bytes + kSnapshotAlignment - 1) / kSnapshotAlignment * kSnapshotAlignment;
}

template <typename T>
void Put(std::string& bytes, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
}

template <typename T>
T Get(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
  }
  return value;
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::string Header() {
  std::string header(kMagic);
  Put(header, kVersion);
  header.resize(kRecord);
  return header;
}

std::string Table(const std::vector<SnapshotSection>& sections) {
  std::string table;
  for (size_t i = 0; i < sections.size(); ++i) {
    table += sections[i].name;
    table.resize(i * kRecord + kMaxSectionName);
    Put(table, sections[i].offset);
    Put(table, sections[i].bytes);
    Put(table, sections[i].checksum);
    table.resize((i + 1) * kRecord);
  }
  return table;
}

// What is before the checksum.
std::string Trailer(size_t sections, uint64_t table_at) {
  std::string trailer(kTrailerMagic);
  Put(trailer, kVersion);
  Put(trailer, static_cast<uint32_t>(sections));
  Put(trailer, table_at);
  Put(trailer, table_at + (sections + 1) * kRecord);
  trailer.resize(kChecksumAt);
  return trailer;
}

// For messages: letters as they are, everything else as '.'.
std::string Printable(std::string_view bytes) {
  std::string text(bytes);
  for (char& letter : text) {
    if (letter < ' ' || letter > '~') letter = '.';
  }
  return text;
}

}  // namespace

// ---- Writing

SnapshotWriter::SnapshotWriter(std::string path, std::unique_ptr<ReplacementFile> file)
    : path_(std::move(path)), file_(std::move(file)) {}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Create(Env& env, const std::string& path) {
  TANDEM_ASSIGN_OR_RETURN(auto file, ReplacementFile::Create(env, path));
  std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(path, std::move(file)));
  TANDEM_RETURN_IF_ERROR(writer->Put(Header()));
  return writer;
}

Status SnapshotWriter::Keep(Status status) {
  if (!status.ok()) {
    status_ = std::move(status);
    file_.reset();
  }
  return status_;
}

Status SnapshotWriter::Put(std::string_view bytes) {
  if (bytes.empty()) return status_;
  written_ += bytes.size();
  return Keep(file_->Append(bytes));
}

Status SnapshotWriter::EndSection() {
  if (!in_section_) return {};
  in_section_ = false;
  sections_.back().checksum = checksum_.Digest();
  return Put(kZeros.substr(0, static_cast<size_t>(Aligned(written_) - written_)));
}

Status SnapshotWriter::Begin(std::string_view name) {
  TANDEM_RETURN_IF_ERROR(status_);
  if (finished_) return FailedPreconditionError(path_, ": is finished, section '", name, "'");
  TANDEM_RETURN_IF_ERROR(EndSection());
  if (name.empty() || name.size() > kMaxSectionName || name.find('\0') != std::string_view::npos) {
    return Keep(InvalidArgumentError(path_, ": the name of a section must have 1 to ",
                                     kMaxSectionName, " bytes without a NUL, got '",
                                     Printable(name), "'"));
  }
  for (const SnapshotSection& section : sections_) {
    if (section.name == name) {
      return Keep(InvalidArgumentError(path_, ": section '", name, "' is written twice"));
    }
  }
  if (sections_.size() == kMaxSections) {
    return Keep(InvalidArgumentError(path_, ": more than ", kMaxSections, " sections"));
  }
  sections_.push_back({std::string(name), written_, 0, 0});
  checksum_.Reset();
  in_section_ = true;
  return {};
}

Status SnapshotWriter::AppendBytes(std::span<const std::byte> bytes) {
  TANDEM_RETURN_IF_ERROR(status_);
  if (!in_section_) return FailedPreconditionError(path_, ": no section has begun");
  const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  sections_.back().bytes += view.size();
  checksum_.Update(view);
  return Put(view);
}

Status SnapshotWriter::Finish() {
  TANDEM_RETURN_IF_ERROR(status_);
  if (finished_) return FailedPreconditionError(path_, ": is finished");
  TANDEM_RETURN_IF_ERROR(EndSection());
  const std::string table = Table(sections_);
  std::string trailer = Trailer(sections_.size(), written_);
  index::Put(trailer, Checksum(Header() + table + trailer));
  TANDEM_RETURN_IF_ERROR(Put(table + trailer));
  TANDEM_RETURN_IF_ERROR(Keep(file_->Commit()));
  finished_ = true;
  return {};
}

// ---- Reading

SnapshotFile::SnapshotFile(std::string path, std::shared_ptr<const MappedFile> file)
    : path_(std::move(path)), file_(std::move(file)) {}

Result<std::shared_ptr<const SnapshotFile>> SnapshotFile::Open(const Env& env,
                                                               const std::string& path) {
  TANDEM_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, env.Map(path));
  std::shared_ptr<SnapshotFile> file(new SnapshotFile(path, std::move(mapped)));
  TANDEM_RETURN_IF_ERROR(file->Read());
  if (file->bytes() <= kVerifiedAtOpen) TANDEM_RETURN_IF_ERROR(file->Verify());
  return std::shared_ptr<const SnapshotFile>(std::move(file));
}

Status SnapshotFile::Read() {
  const std::string_view all = file_->view();
  if (all.substr(0, kMagic.size()) != kMagic) {
    return DataLossError(path_, ": is not an index of Tandem: expected it to begin with '", kMagic,
                         "', got '", Printable(all.substr(0, kMagic.size())), "'");
  }
  const auto cut_short = [this](std::string_view what) {
    return DataLossError(path_, ": ", what, " in ", bytes(),
                         " bytes; the file was cut short or damaged, build it again");
  };
  if (all.size() < 2 * kRecord) return cut_short("no room for header and trailer");
  const auto version = Get<uint32_t>(all, kMagic.size());
  const std::string_view trailer = all.substr(all.size() - kRecord);
  if (trailer.substr(0, kTrailerMagic.size()) != kTrailerMagic) return cut_short("no trailer");
  if (version != kVersion && Get<uint32_t>(trailer, kTrailerMagic.size()) == version) {
    return FailedPreconditionError(path_, ": has format version ", version,
                                   ", this program reads version ", kVersion,
                                   "; build it again, or use the program that wrote it");
  }

  // All of these have their place in a file that was written by SnapshotWriter; so what the file
  // says of itself is compared with what a file of such sections must say.
  const auto count = Get<uint32_t>(trailer, 12);
  const auto table_at = Get<uint64_t>(trailer, 16);
  const uint64_t records = (uint64_t{count} + 1) * kRecord;
  if (count > kMaxSections || records + kRecord > all.size() || table_at != all.size() - records ||
      table_at % kSnapshotAlignment != 0) {
    return DataLossError(path_, ": the trailer tells of ", count, " sections with a table at byte ",
                         table_at, ", which do not fit a file of ", all.size(), " bytes");
  }
  const std::string_view table = all.substr(static_cast<size_t>(table_at), records - kRecord);
  const std::string_view header = all.substr(0, kRecord);
  const uint64_t expected = Get<uint64_t>(trailer, kChecksumAt);
  const uint64_t got = Checksum(StrCat(header, table, trailer.substr(0, kChecksumAt)));
  if (expected != got) {
    return DataLossError(path_, ": header and table have checksum ", ChecksumHex(got),
                         ", expected ", ChecksumHex(expected));
  }
  if (header != Header() || trailer.substr(0, kChecksumAt) != Trailer(count, table_at)) {
    return DataLossError(path_, ": header or trailer say what no writer of version ", kVersion,
                         " writes");
  }

  uint64_t next = kRecord;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view entry = table.substr(i * kRecord, kRecord);
    const std::string_view field = entry.substr(0, kMaxSectionName);
    const std::string_view name = field.substr(0, field.find('\0'));
    const SnapshotSection section = {std::string(name), Get<uint64_t>(entry, 32),
                                     Get<uint64_t>(entry, 40), Get<uint64_t>(entry, 48)};
    if (name.empty() || !AllZero(field.substr(name.size())) || !AllZero(entry.substr(56)) ||
        Has(name)) {
      return DataLossError(path_, ": entry ", i, " of the table: '", Printable(field),
                           "' is no name, or occurs twice");
    }
    if (section.offset != next || section.bytes > table_at - next) {
      return Damaged(Printable(name), section.bytes, " bytes at ", section.offset,
                     "; expected them at ", next, " and before the table at ", table_at);
    }
    next = Aligned(next + section.bytes);  // at most table_at, which is aligned
    sections_.push_back(section);
  }
  if (next != table_at) {
    return DataLossError(path_, ": sections end at byte ", next, ", the table begins at ",
                         table_at);
  }
  return {};
}

const SnapshotSection* SnapshotFile::Find(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const SnapshotSection& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

Status SnapshotFile::Missing(std::string_view name) const {
  std::string names;
  for (const SnapshotSection& section : sections_) {
    names += (names.empty() ? "" : ", ") + Printable(section.name);
  }
  return NotFoundError(path_, ": no section '", name,
                       "'; there are: ", names.empty() ? "none" : names);
}

Result<std::span<const std::byte>> SnapshotFile::SectionBytes(std::string_view name,
                                                              size_t value_bytes) const {
  const SnapshotSection* const section = Find(name);
  if (section == nullptr) return Missing(name);
  if (section->bytes % value_bytes != 0) {
    return Damaged(name, "expected a multiple of ", value_bytes, " bytes, got ", section->bytes);
  }
  return file_->bytes().subspan(static_cast<size_t>(section->offset),
                                static_cast<size_t>(section->bytes));
}

Status SnapshotFile::WrongCount(std::string_view name, uint64_t expected, uint64_t got) const {
  return Damaged(name, "expected ", expected, " values, got ", got);
}

Status SnapshotFile::Check(const SnapshotSection& section) const {
  const std::string_view all = file_->view();
  const uint64_t got =
      Checksum(all.substr(static_cast<size_t>(section.offset), static_cast<size_t>(section.bytes)));
  if (got != section.checksum) {
    return Damaged(Printable(section.name), "expected checksum ", ChecksumHex(section.checksum),
                   ", got ", ChecksumHex(got), "; build the index again");
  }
  const uint64_t end = section.offset + section.bytes;
  if (!AllZero(all.substr(static_cast<size_t>(end), static_cast<size_t>(Aligned(end) - end)))) {
    return Damaged(Printable(section.name), "the bytes after it are not zero");
  }
  return {};
}

Status SnapshotFile::Verify() const {
  for (const SnapshotSection& section : sections_) TANDEM_RETURN_IF_ERROR(Check(section));
  return {};
}

Status SnapshotFile::CheckFinite(std::string_view name, std::span<const float> numbers) const {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!std::isfinite(numbers[i])) return Damaged(name, "number ", i, " is not finite");
  }
  return {};
}

Status SnapshotFile::VerifySection(std::string_view name) const {
  const SnapshotSection* const section = Find(name);
  return section == nullptr ? Missing(name) : Check(*section);
}

}  // namespace tandem::index
