#include "tandem/format/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "tandem/format/utf8.h"

namespace tandem::format {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Status CheckDelimiter(std::string_view delimiter, bool quotes) {
  for (const char c : delimiter) {
    if (c == '\n' || c == '\r' || (quotes && c == '"')) {
      return InvalidArgumentError("CSV options: the delimiter holds a line end or a quote");
    }
  }
  return Status();
}

template <typename T>
Result<T> ParseWhole(std::string_view text, std::string_view kind) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) {
    return InvalidArgumentError("expected ", kind, ", got '", text.substr(0, 64),
                                "', which is out of range");
  }
  if (error != std::errc() || stop != end) {
    return InvalidArgumentError("expected ", kind, ", got '", text.substr(0, 64), "'");
  }
  return value;
}

}  // namespace

CsvReader::CsvReader(std::string_view bytes, CsvOptions options)
    : bytes_(bytes),
      options_(std::move(options)),
      delimiter_(options_.multi_delimiter.empty() ? std::string(1, options_.delimiter)
                                                  : options_.multi_delimiter),
      options_status_(CheckDelimiter(delimiter_, options_.quotes)) {
  if (bytes_.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    position_ = kByteOrderMark.size();
  }
}

bool CsvReader::AtLineEnd(size_t position) const {
  if (bytes_[position] == '\n') return true;
  return bytes_[position] == '\r' && position + 1 < bytes_.size() && bytes_[position + 1] == '\n';
}

void CsvReader::SkipLineEnd() {
  position_ += bytes_[position_] == '\r' ? 2 : 1;
  ++next_line_;
}

Result<bool> CsvReader::Next(std::vector<std::string>& fields) {
  fields.clear();
  TANDEM_RETURN_IF_ERROR(options_status_);
  while (position_ < bytes_.size() && AtLineEnd(position_)) SkipLineEnd();
  if (position_ == bytes_.size()) return false;

  row_line_ = next_line_;
  const size_t row_start = position_;
  const Status status = ReadRow(fields);
  if (status.ok()) return true;
  // An unclosed quote may have run to the end of the bytes: only its first line is given up. The
  // bad row was inside a quoted field at every line end that it crossed. A later row that is so at
  // one of them, before the field that failed began, goes on as the bad row did and fails as it
  // did: that need not be read again, and no stretch of text is, but for the failed field.
  fields.clear();
  doomed_before_ = std::max(doomed_before_, field_start_);
  const size_t line_end = bytes_.find('\n', row_start);
  position_ = line_end == std::string_view::npos ? bytes_.size() : line_end + 1;
  next_line_ = row_line_ + 1;
  return status;
}

Status CsvReader::ReadRow(std::vector<std::string>& fields) {
  while (true) {
    std::string field;
    field_start_ = position_;
    const bool quoted = options_.quotes && position_ < bytes_.size() && bytes_[position_] == '"';
    TANDEM_RETURN_IF_ERROR(quoted ? ReadQuoted(field) : ReadPlain(field));
    TANDEM_RETURN_IF_ERROR(Decode(field));
    fields.push_back(std::move(field));
    if (position_ == bytes_.size()) return Status();
    if (AtLineEnd(position_)) {
      SkipLineEnd();
      return Status();
    }
    position_ += delimiter_.size();
  }
}

Status CsvReader::ReadQuoted(std::string& field) {
  const size_t start = ++position_;
  while (true) {
    // Looks no further than the longest field, so that many bad lines cost no more than one.
    const size_t taken = position_ - start;
    const size_t limit = bytes_.size() - position_ > options_.max_field_bytes - taken
                             ? position_ + (options_.max_field_bytes - taken) + 1
                             : bytes_.size();
    const std::string_view ahead = bytes_.substr(position_, limit - position_);
    const size_t length = ahead.find('"');
    if (length == std::string_view::npos) {
      if (limit < bytes_.size() || ahead.size() > options_.max_field_bytes - taken) {
        return DataLossError("line ", row_line_, ": a quoted field is longer than ",
                             options_.max_field_bytes, " bytes; is a quote not closed?");
      }
      return DataLossError("line ", row_line_, ": expected a closing quote, got the end");
    }
    const std::string_view part = ahead.substr(0, length);
    const size_t doomed = doomed_before_ - std::min(doomed_before_, position_);
    if (part.substr(0, doomed).find('\n') != std::string_view::npos) {
      return DataLossError("line ", row_line_,
                           ": a quoted field runs on into the next line, and no ",
                           "row comes of it; is a quote not closed?");
    }
    field.append(part);
    next_line_ += std::count(part.begin(), part.end(), '\n');
    position_ += length + 1;
    if (position_ < bytes_.size() && bytes_[position_] == '"') {
      if (position_ + 1 - start > options_.max_field_bytes) {
        return DataLossError("line ", row_line_, ": a quoted field is longer than ",
                             options_.max_field_bytes, " bytes; is a quote not closed?");
      }
      field.push_back('"');
      ++position_;
      continue;
    }
    if (position_ == bytes_.size() || AtLineEnd(position_) ||
        bytes_.substr(position_, delimiter_.size()) == delimiter_) {
      return Status();
    }
    return DataLossError("line ", row_line_,
                         ": expected the delimiter or the end of the line after a closing quote");
  }
}

Status CsvReader::ReadPlain(std::string& field) {
  const size_t start = position_;
  while (position_ < bytes_.size()) {
    const char c = bytes_[position_];
    if (c == delimiter_[0] && bytes_.substr(position_, delimiter_.size()) == delimiter_) break;
    if ((c == '\n' || c == '\r') && AtLineEnd(position_)) break;
    if (position_ - start >= options_.max_field_bytes) {
      return DataLossError("line ", row_line_, ": a field is longer than ",
                           options_.max_field_bytes, " bytes");
    }
    ++position_;
  }
  field.assign(bytes_.substr(start, position_ - start));
  return Status();
}

Status CsvReader::Decode(std::string& field) const {
  if (options_.encoding == Encoding::kLatin1) {
    field = Latin1ToUtf8(field);
  } else if (!IsUtf8(field)) {
    return DataLossError("line ", row_line_,
                         ": expected UTF-8, got other bytes; is the file in Latin-1?");
  }
  return Status();
}

Result<float> ParseFloat(std::string_view text) {
  TANDEM_ASSIGN_OR_RETURN(const float value, ParseWhole<float>(text, "a number"));
  if (!std::isfinite(value)) {
    return InvalidArgumentError("expected a finite number, got '", text.substr(0, 64), "'");
  }
  return value;
}

Result<int64_t> ParseInt64(std::string_view text) {
  return ParseWhole<int64_t>(text, "a whole number of 64 bits");
}

}  // namespace tandem::format
