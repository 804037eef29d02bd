#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/cli/verbs.h"
#include "tandem/format/csv.h"
#include "tandem/recommend/recommender.h"

namespace tandem::cli {
namespace {

Result<std::vector<recommend::Recommendation>> ItemsFor(const bundle::Bundle& bundle,
                                                        const std::string& user,
                                                        const RecommendOptions& options,
                                                        const recommend::AllowedItems& allowed) {
  return recommend::Recommend(
      bundle, user, options.n,
      options.include_seen ? recommend::SeenItems::kInclude : recommend::SeenItems::kExclude,
      allowed);
}

// user<TAB>item,item,...
Status AppendLine(const bundle::Bundle& bundle, const std::string& user,
                  const RecommendOptions& options, const recommend::AllowedItems& allowed,
                  std::string& lines) {
  TANDEM_ASSIGN_OR_RETURN(const auto items, ItemsFor(bundle, user, options, allowed));
  lines += user;
  char separator = '\t';
  for (const recommend::Recommendation& item : items) {
    lines += separator;
    lines += bundle.items.ids.Token(item.item + 1);
    separator = ',';
  }
  lines += '\n';
  return {};
}

void PrintTable(const bundle::Bundle& bundle, const std::vector<recommend::Recommendation>& items,
                std::ostream& out) {
  for (const recommend::Recommendation& item : items) {
    out << bundle.items.ids.Token(item.item + 1) << '\t' << item.score << '\t'
        << bundle.Title(item.item) << '\n';
  }
}

}  // namespace

Status Recommend(Env& env, const RecommendOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const auto bundle, bundle::Open(env, options.bundle));
  TANDEM_ASSIGN_OR_RETURN(const auto allowed, recommend::FilterItems(*bundle, options.filter));
  if (!options.all_users && options.out.empty()) {
    TANDEM_ASSIGN_OR_RETURN(const auto items, ItemsFor(*bundle, options.user, options, allowed));
    PrintTable(*bundle, items, out);
    return {};
  }
  std::string lines;
  if (options.all_users) {
    for (int32_t row = 1; row <= bundle->users.history.size(); ++row) {
      const std::string user(bundle->users.ids.Token(row));
      TANDEM_RETURN_IF_ERROR(AppendLine(*bundle, user, options, allowed, lines));
    }
  } else {
    TANDEM_RETURN_IF_ERROR(AppendLine(*bundle, options.user, options, allowed, lines));
  }
  if (!options.out.empty()) return WriteFileAtomically(env, options.out, lines);
  out << lines;
  return {};
}

Status Predict(Env& env, const PredictOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const auto bundle, bundle::Open(env, options.bundle));
  TANDEM_ASSIGN_OR_RETURN(const std::string bytes, env.ReadFile(options.pairs));
  format::CsvOptions csv;
  csv.delimiter = '\t';
  csv.quotes = false;
  format::CsvReader reader(bytes, csv);
  std::vector<std::string> fields;
  std::vector<int32_t> users;
  std::vector<int32_t> items;
  std::vector<std::string> heads;
  while (true) {
    Result<bool> more = reader.Next(fields);
    if (!more.ok()) return more.status().WithContext(options.pairs);
    if (!*more) break;
    if (fields.size() < 2) {
      return InvalidArgumentError(options.pairs, ":", reader.line(),
                                  ": expected user<TAB>item, got ", fields.size(), " column");
    }
    users.push_back(bundle->UserRow(fields[0]));
    items.push_back(bundle->ItemRow(fields[1]));
    heads.push_back(fields[0] + '\t' + fields[1] + '\t');
  }
  TANDEM_ASSIGN_OR_RETURN(const auto ratings, bundle::PredictRatings(*bundle, users, items));
  std::string lines;
  for (size_t i = 0; i < ratings.size(); ++i) lines += heads[i] + StrCat(ratings[i]) + '\n';
  if (!options.out.empty()) return WriteFileAtomically(env, options.out, lines);
  out << lines;
  return {};
}

}  // namespace tandem::cli
