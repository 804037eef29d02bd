#include "tandem/training/data/reader.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tandem/feature/transform.h"
#include "tandem/format/csv.h"

namespace tandem::data {
namespace {

using Fields = std::vector<std::string>;

struct ViewHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// Numbers tokens in the order in which they come; Finish sorts them.
class TokenCollector {
 public:
  int32_t Add(const std::string& token) {
    const auto found = places_.find(std::string_view(token));
    if (found != places_.end()) return found->second;
    const int32_t place = static_cast<int32_t>(tokens_.size());
    places_.emplace(token, place);
    tokens_.push_back(token);
    return place;
  }
  bool Has(const std::string& token) const { return places_.count(token) != 0; }
  const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  std::unordered_map<std::string, int32_t, ViewHash, std::equal_to<>> places_;
  std::vector<std::string> tokens_;
};

// For each place of a collector, the row in the vocabulary.
std::vector<int32_t> RowsOf(const TokenCollector& collector, const feature::Vocabulary& sorted) {
  std::vector<int32_t> rows;
  rows.reserve(collector.tokens().size());
  for (const std::string& token : collector.tokens()) rows.push_back(sorted.Find(token) - 1);
  return rows;
}

void Renumber(std::vector<int32_t>& values, const std::vector<int32_t>& rows) {
  for (int32_t& value : values) value = rows[static_cast<size_t>(value)];
}

// A column of the schema with its place in this file.
struct Located {
  feature::Column column;
  size_t place = 0;
};

// Walks the lines of a file: header, number of fields, what to do with a bad row.
class Table {
 public:
  Table(const std::string& path, std::string_view bytes, const feature::FileLayout& layout,
        const ReadOptions& options)
      : path_(path), reader_(bytes, layout.csv), layout_(layout), options_(options) {}

  // Calls locate() once, with the header and the number of fields, then take(fields) for each
  // row. A Status of take makes its row a bad one; take must leave nothing of such a row behind.
  Status ForEach(const std::function<Status(const Fields& header, size_t fields)>& locate,
                 const std::function<Status(const Fields&)>& take) {
    Fields header;
    if (layout_.has_header) {
      const Result<bool> got = reader_.Next(header);
      if (!got.ok()) return AtLine(got.status());
      if (!*got) return InvalidArgumentError(path_, ": the file is empty, expected a header line");
      TANDEM_RETURN_IF_ERROR(locate(header, header.size()).WithContext(path_));
      fields_ = header.size();
    }
    Fields fields;
    while (true) {
      const Result<bool> got = reader_.Next(fields);
      if (got.ok() && !*got) break;
      Status status = got.status();
      if (status.ok() && fields_ == 0) {
        fields_ = fields.size();
        status = locate(header, fields_);
        if (!status.ok()) return AtLine(status);
      }
      if (status.ok() && fields.size() != fields_) {
        status = InvalidArgumentError("expected ", fields_, " fields, got ", fields.size());
      }
      if (status.ok()) status = take(fields);
      if (status.ok()) {
        ++rows_;
        continue;
      }
      const bool is_hopeless = !got.ok() && status.code() == StatusCode::kInvalidArgument;
      if (is_hopeless || options_.on_bad_row == BadRow::kFail) return AtLine(status);
      if (skipped_++ == 0) first_skipped_ = AtLine(status).message();
    }
    if (rows_ > 0) return {};
    if (skipped_ > 0) return InvalidArgumentError("no row is usable; the first: ", first_skipped_);
    return InvalidArgumentError(
        path_, layout_.has_header ? ": no rows after the header line" : ": the file is empty");
  }

  template <typename T>
  Loaded<T> Finish(T data) {
    return {std::move(data), skipped_, std::move(first_skipped_)};
  }

 private:
  Status AtLine(const Status& status) const {
    // The reader of lines says "line 17: " itself; here that is a part of the place.
    const std::string own_place = StrCat("line ", reader_.line(), ": ");
    std::string_view message = status.message();
    if (message.substr(0, own_place.size()) == own_place) message.remove_prefix(own_place.size());
    return Status(status.code(), StrCat(path_, ":", reader_.line(), ": ", message));
  }

  const std::string& path_;
  format::CsvReader reader_;
  const feature::FileLayout& layout_;
  const ReadOptions& options_;
  size_t fields_ = 0;
  int64_t rows_ = 0;
  int64_t skipped_ = 0;
  std::string first_skipped_;
};

Status Expected(std::string_view what, const feature::Column& column, std::string_view got) {
  constexpr size_t kShown = 40;
  return InvalidArgumentError("expected ", what, " in column '", feature::Describe(column),
                              "', got '", got.substr(0, kShown), got.size() > kShown ? "..." : "",
                              "'");
}

Status CheckId(const Located& id, const Fields& fields) {
  const std::string& text = fields[id.place];
  if (text.empty()) return Expected("an id", id.column, text);
  if (text.size() <= feature::kMaxTokenBytes) return {};
  return Expected(StrCat("an id of at most ", feature::kMaxTokenBytes, " bytes"), id.column, text);
}

Result<Located> Find(const feature::Column& column, std::string_view role, const Fields& header,
                     size_t fields) {
  if (!column.is_set()) return InvalidArgumentError("the schema names no column for the ", role);
  Result<size_t> place = feature::Locate(column, header, fields);
  if (!place.ok()) return place.status().WithContext(role);
  return Located{column, *place};
}

// Nothing where the column is not set.
Result<std::optional<Located>> FindOptional(const feature::Column& column, std::string_view role,
                                            const Fields& header, size_t fields) {
  if (!column.is_set()) return std::optional<Located>();
  TANDEM_ASSIGN_OR_RETURN(const Located located, Find(column, role, header, fields));
  return std::optional<Located>(located);
}

class InteractionRows {
 public:
  explicit InteractionRows(const feature::InteractionSchema& schema) : schema_(schema) {}

  Status LocateColumns(const Fields& header, size_t fields) {
    TANDEM_ASSIGN_OR_RETURN(user_, Find(schema_.user, "user", header, fields));
    TANDEM_ASSIGN_OR_RETURN(item_, Find(schema_.item, "item", header, fields));
    TANDEM_ASSIGN_OR_RETURN(rating_, FindOptional(schema_.rating, "rating", header, fields));
    TANDEM_ASSIGN_OR_RETURN(time_, FindOptional(schema_.time, "time", header, fields));
    return {};
  }

  Status Take(const Fields& fields) {
    TANDEM_RETURN_IF_ERROR(CheckId(user_, fields));
    TANDEM_RETURN_IF_ERROR(CheckId(item_, fields));
    float rating = 1;
    if (rating_) {
      const std::string& text = fields[rating_->place];
      const auto parsed = format::ParseFloat(text);
      if (!parsed.ok()) return Expected("a number", rating_->column, text);
      rating = *parsed;
    }
    int64_t time = 0;
    if (time_) {
      const std::string& text = fields[time_->place];
      const auto parsed = format::ParseInt64(text);
      if (!parsed.ok()) return Expected("a whole number", time_->column, text);
      time = *parsed;
    }
    rows_.user.push_back(users_.Add(fields[user_.place]));
    rows_.item.push_back(items_.Add(fields[item_.place]));
    rows_.rating.push_back(rating);
    rows_.time.push_back(time);
    return {};
  }

  Result<Interactions> Finish() {
    TANDEM_ASSIGN_OR_RETURN(rows_.users, feature::Vocabulary::Build(users_.tokens()));
    TANDEM_ASSIGN_OR_RETURN(rows_.items, feature::Vocabulary::Build(items_.tokens()));
    Renumber(rows_.user, RowsOf(users_, rows_.users));
    Renumber(rows_.item, RowsOf(items_, rows_.items));
    return std::move(rows_);
  }

 private:
  const feature::InteractionSchema& schema_;
  Located user_, item_;
  std::optional<Located> rating_, time_;
  TokenCollector users_, items_;
  Interactions rows_;
};

class ItemRows {
 public:
  explicit ItemRows(const feature::ItemSchema& schema) : schema_(schema) {}

  Status LocateColumns(const Fields& header, size_t fields) {
    TANDEM_ASSIGN_OR_RETURN(id_, Find(schema_.id, "item id", header, fields));
    TANDEM_ASSIGN_OR_RETURN(title_, FindOptional(schema_.title, "title", header, fields));
    TANDEM_ASSIGN_OR_RETURN(categories_,
                            FindOptional(schema_.categories, "categories", header, fields));
    const feature::FlagColumns& flags = schema_.category_flags;
    if (flags.names.empty()) return {};
    const int last = flags.first_number + static_cast<int>(flags.names.size()) - 1;
    for (const int number : {flags.first_number, last}) {
      const Result<size_t> place = feature::Locate(feature::ColumnNumber(number), header, fields);
      if (!place.ok()) return place.status().WithContext("category flags");
    }
    return {};
  }

  Status Take(const Fields& fields) {
    TANDEM_RETURN_IF_ERROR(CheckId(id_, fields));
    const std::string& id = fields[id_.place];
    if (ids_.Has(id)) return Expected("every item once", id_.column, id);
    std::vector<std::string> names;
    TANDEM_RETURN_IF_ERROR(ListedCategories(fields, names));
    TANDEM_RETURN_IF_ERROR(FlaggedCategories(fields, names));
    ids_.Add(id);
    const bool has_title = title_ && !fields[title_->place].empty();
    titles_.push_back(has_title ? fields[title_->place] : id);
    std::vector<int32_t>& list = lists_.emplace_back();
    for (const std::string& name : names) list.push_back(names_.Add(name));
    return {};
  }

  Result<Catalogue> Finish() {
    Catalogue catalogue;
    TANDEM_ASSIGN_OR_RETURN(catalogue.ids, feature::Vocabulary::Build(ids_.tokens()));
    TANDEM_ASSIGN_OR_RETURN(catalogue.categories, feature::Vocabulary::Build(names_.tokens()));
    std::vector<size_t> place_of(titles_.size());
    const std::vector<int32_t> rows = RowsOf(ids_, catalogue.ids);
    for (size_t place = 0; place < rows.size(); ++place) {
      place_of[static_cast<size_t>(rows[place])] = place;
    }
    const std::vector<int32_t> category_rows = RowsOf(names_, catalogue.categories);
    for (const size_t place : place_of) {
      catalogue.titles.push_back(std::move(titles_[place]));
      std::vector<int32_t>& list = lists_[place];
      Renumber(list, category_rows);
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      for (const int32_t row : list) catalogue.category.push_back(row + 1);
      catalogue.category_offsets.push_back(static_cast<int64_t>(catalogue.category.size()));
    }
    return catalogue;
  }

 private:
  Status ListedCategories(const Fields& fields, std::vector<std::string>& names) const {
    if (!categories_) return {};
    const std::string& text = fields[categories_->place];
    if (!schema_.no_category.empty() && text == schema_.no_category) return {};
    for (const std::string_view name : feature::SplitList(text, schema_.category_separator)) {
      if (name.size() > feature::kMaxTokenBytes) {
        return Expected(StrCat("categories of at most ", feature::kMaxTokenBytes, " bytes"),
                        categories_->column, name);
      }
      names.emplace_back(name);
    }
    return {};
  }

  Status FlaggedCategories(const Fields& fields, std::vector<std::string>& names) const {
    const feature::FlagColumns& flags = schema_.category_flags;
    for (size_t i = 0; i < flags.names.size(); ++i) {
      const int number = flags.first_number + static_cast<int>(i);
      const std::string& text = fields[static_cast<size_t>(number) - 1];
      if (text == "1") {
        names.push_back(flags.names[i]);
      } else if (text != "0") {
        return Expected("0 or 1", feature::ColumnNumber(number), text);
      }
    }
    return {};
  }

  const feature::ItemSchema& schema_;
  Located id_;
  std::optional<Located> title_, categories_;
  TokenCollector ids_, names_;
  std::vector<std::string> titles_;
  std::vector<std::vector<int32_t>> lists_;  // places in names_, one list an item
};

template <typename T, typename Rows>
Result<Loaded<T>> Read(const Env& env, const std::string& path, const feature::FileLayout& layout,
                       const ReadOptions& options, Rows rows) {
  TANDEM_ASSIGN_OR_RETURN(const std::string bytes, env.ReadFile(path));
  Table table(path, bytes, layout, options);
  TANDEM_RETURN_IF_ERROR(table.ForEach(
      [&rows](const Fields& header, size_t fields) { return rows.LocateColumns(header, fields); },
      [&rows](const Fields& fields) { return rows.Take(fields); }));
  Result<T> data = rows.Finish();
  if (!data.ok()) return data.status().WithContext(path);
  return table.Finish(std::move(data).value());
}

}  // namespace

Result<Loaded<Interactions>> ReadInteractions(const Env& env, const std::string& path,
                                              const feature::InteractionSchema& schema,
                                              const ReadOptions& options) {
  return Read<Interactions>(env, path, schema.layout, options, InteractionRows(schema));
}

Result<Loaded<Catalogue>> ReadCatalogue(const Env& env, const std::string& path,
                                        const feature::ItemSchema& schema,
                                        const ReadOptions& options) {
  return Read<Catalogue>(env, path, schema.layout, options, ItemRows(schema));
}

}  // namespace tandem::data
