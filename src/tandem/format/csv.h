// Comma- and tab-separated text (RFC 4180), and tables with a longer separator such as the "::"
// of MovieLens 1M.
//
// CsvReader walks bytes that its caller owns and keeps alive. Not thread-safe; one reader for
// each thread. Errors are kDataLoss with the line number: a quote that is never closed or is
// followed by text, a field that is too long, text that is not in the declared encoding; or
// kInvalidArgument: options that cannot be followed. Nothing is copied but the fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/status.h"

namespace tandem::format {

enum class Encoding { kUtf8, kLatin1 };

struct CsvOptions {
  char delimiter = ',';
  // Used in place of delimiter where it is not empty.
  std::string multi_delimiter;
  // Whether '"' at the start of a field opens a quoted one, in which "" stands for one quote and
  // delimiters and line ends are text. Elsewhere a quote is a character like any other.
  bool quotes = true;
  // What the bytes are; fields are UTF-8 whatever it says.
  Encoding encoding = Encoding::kUtf8;
  uint64_t max_field_bytes = uint64_t{1} << 20;  // of the input, not of the UTF-8 it becomes
};

class CsvReader {
 public:
  CsvReader(std::string_view bytes, CsvOptions options);

  // True: a row, in fields. False: the end. Rows end with \n or \r\n, the last one also without.
  // Lines with nothing on them and a byte-order mark at the start are passed over.
  // After an error the reader stands behind the first line of the bad row, so that a caller may go
  // on; the fields are then empty. Reading a whole text takes time linear in its length, however
  // many rows are bad. Options that cannot be followed end the reading: every Next says so.
  Result<bool> Next(std::vector<std::string>& fields);

  // The line, from 1, where the row (or error) of the last Next began; 0 before the first.
  int64_t line() const { return row_line_; }

 private:
  bool AtLineEnd(size_t position) const;
  void SkipLineEnd();
  Status ReadRow(std::vector<std::string>& fields);
  Status ReadQuoted(std::string& field);
  Status ReadPlain(std::string& field);
  Status Decode(std::string& field) const;

  std::string_view bytes_;
  CsvOptions options_;
  std::string delimiter_;
  Status options_status_;
  size_t position_ = 0;
  size_t field_start_ = 0;
  // A row that crosses a line end before this place inside a quoted field is a bad one.
  size_t doomed_before_ = 0;
  int64_t next_line_ = 1;
  int64_t row_line_ = 0;
};

// The whole text as a number; kInvalidArgument where it is anything else: spaces, a leading '+',
// nothing, NaN, an infinity, a number that T cannot hold.
Result<float> ParseFloat(std::string_view text);
Result<int64_t> ParseInt64(std::string_view text);

}  // namespace tandem::format
