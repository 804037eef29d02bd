#include "tandem/bundle/testing/tiny_bundle.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tandem/bundle/golden.h"
#include "tandem/bundle/item_attributes.h"
#include "tandem/index/exact_index.h"

namespace tandem::bundle::testing {
namespace {

constexpr int64_t kUnseenBySecondUser = 3;

void EndList(RowLists& lists) {
  lists.offsets.push_back(static_cast<int64_t>(lists.values.size()));
}

// The first user has nothing, the second nearly everything, the others a fifth.
RowLists MakeHistory(const TinyOptions& options, Rng rng) {
  RowLists history;
  for (int64_t user = 0; user < options.users; ++user) {
    for (int64_t item = 0; item < options.items; ++item) {
      const bool seen =
          user == 1 ? item >= kUnseenBySecondUser : user > 1 && rng.UniformInt(5) == 0;
      if (seen) history.values.push_back(static_cast<int32_t>(item));
    }
    EndList(history);
  }
  return history;
}

Items MakeItems(const TinyOptions& options, const RowLists& history) {
  Items items;
  std::vector<std::string> ids;
  items.popularity.assign(static_cast<size_t>(options.items), 0);
  for (const int32_t item : history.values) ++items.popularity[static_cast<size_t>(item)];
  items.categories = feature::Vocabulary::FromTokens({"Comedy", "Drama", "Western"}).value();
  for (int64_t row = 0; row < options.items; ++row) {
    ids.push_back(TinyItemId(row));
    items.titles.push_back(TinyTitle(row));
    if (row % 2 == 1) items.category_lists.values.push_back(1);
    if (row % 3 == 1) items.category_lists.values.push_back(2);
    EndList(items.category_lists);
  }
  items.ids = feature::Vocabulary::FromTokens(std::move(ids)).value();
  items.by_popularity.resize(items.popularity.size());
  std::iota(items.by_popularity.begin(), items.by_popularity.end(), 0);
  std::stable_sort(
      items.by_popularity.begin(), items.by_popularity.end(), [&items](int32_t a, int32_t b) {
        return items.popularity[static_cast<size_t>(a)] > items.popularity[static_cast<size_t>(b)];
      });
  return items;
}

// Embeddings start within .05 or so of 0, where all scores would be near ties.
void SpreadEmbeddings(model::TwoTower& tower) {
  for (nn::Parameter* parameter : tower.Parameters()) {
    if (parameter->name().find("rating") != std::string::npos) continue;
    for (float& value : parameter->value().values()) value *= 20;
  }
}

std::vector<float> Copy(nn::Var value) { return {value.values().begin(), value.values().end()}; }

// What the towers give for every user, the unknown one and every item.
void Encode(const model::TwoTower& tower, Users& users, Items& items) {
  Workers workers(1);
  nn::Tape tape(workers);
  std::vector<int32_t> rows(static_cast<size_t>(users.ids.size()));
  std::iota(rows.begin(), rows.end(), 0);
  rows.push_back(-1);
  std::vector<int64_t> offsets = users.history.offsets;
  offsets.push_back(offsets.back());
  users.embeddings = Copy(tower.EncodeQueries(
      tape, {.users = rows, .history_offsets = offsets, .history = users.history.values}));
  const auto unknown = users.embeddings.end() - tower.config().dimension;
  users.unknown.assign(unknown, users.embeddings.end());
  users.embeddings.erase(unknown, users.embeddings.end());

  rows.resize(static_cast<size_t>(items.ids.size()));
  std::iota(rows.begin(), rows.end(), 0);
  items.embeddings = Copy(tower.EncodeItems(tape, {.items = rows,
                                                   .category_offsets = items.category_lists.offsets,
                                                   .categories = items.category_lists.values}));
}

}  // namespace

Bundle TinyBundle(uint64_t seed, const TinyOptions& options) {
  const Rng rng(seed);
  Bundle bundle;
  bundle.provenance = {.seed = seed, .data_fingerprint = "made of nothing", .metrics = {}};
  bundle.config = options.config;
  std::vector<std::string> users;
  for (int64_t row = 0; row < options.users; ++row) users.push_back(TinyUserId(row));
  bundle.users.ids = feature::Vocabulary::FromTokens(std::move(users)).value();
  bundle.users.history = MakeHistory(options, rng.Fork("history"));
  bundle.items = MakeItems(options, bundle.users.history);
  auto tower = model::TwoTower::Create(options.config,
                                       {.users = options.users,
                                        .items = options.items,
                                        .categories = bundle.items.categories.size()},
                                       rng.Fork("parameters"))
                   .value();
  SpreadEmbeddings(*tower);
  tower->SetPopularity(bundle.items.popularity);
  tower->SetMeanRating(3.5F);
  Encode(*tower, bundle.users, bundle.items);
  bundle.model = std::move(tower);
  bundle.index =
      index::ExactIndex::Create(bundle.items.embeddings, options.items, bundle.dimension()).value();
  bundle.attributes = ItemAttributes(bundle.items).value();
  bundle.golden = RecordGolden(bundle);
  return bundle;
}

std::string TinyUserId(int64_t row) { return StrCat(row + 1); }

std::string TinyItemId(int64_t row) { return StrCat(7 * row + 101); }

std::string TinyTitle(int64_t row) {
  if (row == 0) return "The \"Film\" (1949)";
  if (row == 1) return "Am\xC3\xA9lie & \xE6\x98\xA0\xE7\x94\xBB (2001)";
  return StrCat("Film ", TinyItemId(row), " (", 1950 + row, ")");
}

}  // namespace tandem::bundle::testing
