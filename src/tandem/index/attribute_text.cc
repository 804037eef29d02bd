#include "tandem/index/attribute_text.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/format/csv.h"
#include "tandem/index/quoted.h"

namespace tandem::index {
namespace {

std::optional<double> AsNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

struct Column {
  std::string name;
  std::optional<AttributeKind> kind;
  bool has_value = false;        // while the kind is sought
  bool has_other = false;        // a value that is no number
  std::vector<double> numbers;   // [n]
  std::vector<int32_t> codes;    // in the order of the lines
  std::vector<int64_t> counts;   // [n]
  std::vector<int64_t> line_at;  // [n], where in codes the row's are
  std::vector<std::string> values;
  std::unordered_map<std::string, int32_t> code_of;
};

class Reader {
 public:
  Reader(std::string_view text, int64_t n, const AttributeTextOptions& options)
      : text_(text), n_(n), options_(options) {
    csv_.delimiter = options.delimiter;
    csv_.quotes = options.delimiter == ',';
  }

  Result<AttributeTable> Read() {
    TANDEM_RETURN_IF_ERROR(ForEachLine([](int64_t) { return Status(); }, true));
    for (Column& column : columns_) {
      if (!column.kind.has_value()) {
        column.kind = column.has_value && !column.has_other ? AttributeKind::kNumber
                                                            : AttributeKind::kCategory;
      }
      if (*column.kind == AttributeKind::kNumber) {
        column.numbers.assign(static_cast<size_t>(n_), std::numeric_limits<double>::quiet_NaN());
      } else {
        column.counts.assign(static_cast<size_t>(n_), 0);
        column.line_at.assign(static_cast<size_t>(n_), 0);
      }
    }
    line_of_row_.assign(static_cast<size_t>(n_), 0);
    TANDEM_RETURN_IF_ERROR(ForEachLine([this](int64_t line) { return StoreLine(line); }, false));
    if (!has_ids_ && next_row_ != n_) {
      return InvalidArgumentError("there are ", next_row_, " lines below the names for ", n_,
                                  " rows: give one for each, or name the first column \"id\"");
    }
    return MakeTable();
  }

 private:
  // The head, and then use(line) for each line with its fields in fields_. The first time kinds
  // are sought.
  template <typename Use>
  Status ForEachLine(const Use& use, bool seek) {
    format::CsvReader csv(text_, csv_);
    TANDEM_ASSIGN_OR_RETURN(const bool has_head, csv.Next(fields_));
    if (!has_head) return InvalidArgumentError("no line that names the columns");
    if (seek) TANDEM_RETURN_IF_ERROR(ReadHead());
    while (true) {
      TANDEM_ASSIGN_OR_RETURN(const bool more, csv.Next(fields_));
      if (!more) return {};
      if (fields_.size() != columns_.size() + first_) {
        return InvalidArgumentError("line ", csv.line(), ": ", fields_.size(), " fields, expected ",
                                    columns_.size() + first_, " as in the first line");
      }
      if (seek) SeekKinds();
      TANDEM_RETURN_IF_ERROR(use(csv.line()));
    }
  }

  Status ReadHead() {
    has_ids_ = fields_.front() == "id";
    first_ = has_ids_ ? 1 : 0;
    for (size_t i = first_; i < fields_.size(); ++i) {
      Column column;
      const size_t colon = fields_[i].rfind(':');
      column.name = fields_[i].substr(0, colon);
      if (colon != std::string::npos) {
        const std::string kind = fields_[i].substr(colon + 1);
        if (kind != "number" && kind != "category") {
          return InvalidArgumentError("line 1, column ", i + 1, ": the kind of ",
                                      Quoted(column.name), " is ", Quoted(kind),
                                      ", expected number or category");
        }
        column.kind = kind == "number" ? AttributeKind::kNumber : AttributeKind::kCategory;
      } else if (const AttributeColumn* const known =
                     options_.like != nullptr ? options_.like->Find(column.name) : nullptr;
                 known != nullptr) {
        column.kind = known->kind;
      }
      columns_.push_back(std::move(column));
    }
    // The table refuses names too; here before all lines are read.
    AttributeTable names(0);
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Status status = names.AddNumbers(columns_[i].name, {});
      if (!status.ok()) return status.WithContext(StrCat("line 1, column ", first_ + i + 1));
    }
    return {};
  }

  void SeekKinds() {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& field = fields_[first_ + i];
      if (columns_[i].kind.has_value() || field.empty()) continue;
      columns_[i].has_value = true;
      if (!columns_[i].has_other) columns_[i].has_other = !AsNumber(field).has_value();
    }
  }

  // The row of the line, -1 where it is to be passed over.
  Result<int64_t> RowOf(int64_t line) {
    if (!has_ids_) {
      if (next_row_ == n_) {
        return InvalidArgumentError("line ", line, ": more lines than the ", n_, " rows");
      }
      return next_row_++;
    }
    int64_t row = -1;
    if (options_.row_of) {
      row = options_.row_of(fields_[0]);
    } else if (const auto parsed = format::ParseInt64(fields_[0]); parsed.ok()) {
      row = *parsed;
    }
    if (row >= 0 && row < n_) return row;
    if (options_.skip_unknown_ids) return -1;
    return InvalidArgumentError("line ", line, ", column \"id\": no item has the id ",
                                Quoted(fields_[0]));
  }

  Status StoreLine(int64_t line) {
    TANDEM_ASSIGN_OR_RETURN(const int64_t row, RowOf(line));
    if (row < 0) return {};
    int64_t& seen_at = line_of_row_[static_cast<size_t>(row)];
    if (seen_at != 0) {
      return InvalidArgumentError("line ", line, ", column \"id\": ", Quoted(fields_[0]),
                                  " is on line ", seen_at, " too");
    }
    seen_at = line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Status status = StoreField(fields_[first_ + i], static_cast<size_t>(row), columns_[i]);
      if (!status.ok()) {
        return status.WithContext(StrCat("line ", line, ", column ", Quoted(columns_[i].name)));
      }
    }
    return {};
  }

  Status StoreField(std::string_view field, size_t row, Column& column) const {
    if (column.kind == AttributeKind::kNumber) {
      if (field.empty()) return {};
      const std::optional<double> number = AsNumber(field);
      if (!number.has_value()) {
        return InvalidArgumentError("expected a number or nothing, got ", Quoted(field));
      }
      column.numbers[row] = *number;
      return {};
    }
    column.line_at[row] = static_cast<int64_t>(column.codes.size());
    while (!field.empty()) {
      const size_t end = std::min(field.find(options_.value_separator), field.size());
      const std::string_view value = field.substr(0, end);
      field.remove_prefix(std::min(end + 1, field.size()));
      if (value.empty()) continue;
      if (value.size() > kMaxAttributeValueBytes) {
        return InvalidArgumentError("a value of ", value.size(), " bytes, expected at most ",
                                    kMaxAttributeValueBytes);
      }
      const auto known = column.code_of.try_emplace(std::string(value),
                                                    static_cast<int32_t>(column.values.size()));
      if (known.second) column.values.emplace_back(value);
      column.codes.push_back(known.first->second);
      ++column.counts[row];
    }
    return {};
  }

  Result<AttributeTable> MakeTable() {
    AttributeTable table(n_);
    for (Column& column : columns_) {
      if (column.kind == AttributeKind::kNumber) {
        TANDEM_RETURN_IF_ERROR(table.AddNumbers(column.name, std::move(column.numbers)));
        continue;
      }
      std::vector<int64_t> offsets = {0};
      std::vector<int32_t> codes;
      for (size_t row = 0; row < column.counts.size(); ++row) {
        const auto begin = column.codes.begin() + column.line_at[row];
        codes.insert(codes.end(), begin, begin + column.counts[row]);
        offsets.push_back(static_cast<int64_t>(codes.size()));
      }
      TANDEM_RETURN_IF_ERROR(table.AddCategories(column.name, column.values, offsets, codes));
    }
    return table;
  }

  std::string_view text_;
  int64_t n_;
  const AttributeTextOptions& options_;
  format::CsvOptions csv_;
  std::vector<std::string> fields_;
  std::vector<Column> columns_;
  std::vector<int64_t> line_of_row_;  // [n], 0 where none was
  bool has_ids_ = false;
  size_t first_ = 0;  // the first field that is an attribute
  int64_t next_row_ = 0;
};

}  // namespace

Result<AttributeTable> ReadAttributes(std::string_view text, int64_t n,
                                      const AttributeTextOptions& options) {
  return Reader(text, n, options).Read();
}

}  // namespace tandem::index
