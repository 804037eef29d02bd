#include "tandem/bundle/golden.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tandem/bundle/query.h"

namespace tandem::bundle {
namespace {

constexpr int64_t kKnownUsers = 32;
constexpr int64_t kHistories = 4;
constexpr int kTopItems = 10;
constexpr size_t kHistoryItems = 16;
constexpr char kUnknownUser[] = "\x01 a user that nobody is";

bool Near(float got, float recorded) {
  return std::abs(got - recorded) <= 1e-4F * std::max(1.0F, std::abs(recorded));
}

// The embedding and top items of a request, as this build computes them.
Status Answer(const Bundle& bundle, GoldenSample& sample) {
  std::vector<int32_t> rows;
  if (sample.user_id.empty() && TakesHistory(bundle)) {
    for (const std::string& id : sample.history) {
      if (const int32_t row = bundle.ItemRow(id); row >= 0) rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end());
    TANDEM_ASSIGN_OR_RETURN(sample.embedding, EncodeHistory(bundle, rows));
  } else {
    const std::span<const float> embedding = UserEmbedding(bundle, sample.user_id);
    sample.embedding.assign(embedding.begin(), embedding.end());
    if (const int32_t user = bundle.UserRow(sample.user_id); user >= 0) {
      const std::span<const int32_t> seen = bundle.users.history[user];
      rows.assign(seen.begin(), seen.end());
    }
  }
  const std::span<const int32_t> exclude[] = {rows};
  index::SearchOptions options;
  options.k = kTopItems;
  options.exclude = exclude;
  sample.top_items.assign(kTopItems, -1);
  sample.top_scores.assign(kTopItems, 0);
  TANDEM_RETURN_IF_ERROR(
      bundle.index->Search(sample.embedding, options, sample.top_items, sample.top_scores));
  // A user who has seen nearly everything gets fewer; what is missing is not recorded.
  const auto missing = std::find(sample.top_items.begin(), sample.top_items.end(), -1);
  sample.top_items.erase(missing, sample.top_items.end());
  sample.top_scores.resize(sample.top_items.size());
  return {};
}

Status Differs(size_t number, const GoldenSample& recorded, std::string_view what, size_t place,
               double got, double expected) {
  return DataLossError("golden sample ", number, " (user '", recorded.user_id, "'): ", what, " ",
                       place, " is ", got, ", recorded ", expected,
                       "; this build computes the model differently");
}

Status CompareAll(size_t number, const GoldenSample& recorded, std::string_view what,
                  std::span<const float> got, std::span<const float> expected) {
  if (got.size() != expected.size()) {
    return Differs(number, recorded, StrCat(what, ": how many"), 0, static_cast<double>(got.size()),
                   static_cast<double>(expected.size()));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (!Near(got[i], expected[i])) {
      return Differs(number, recorded, what, i, got[i], expected[i]);
    }
  }
  return {};
}

Status Compare(size_t number, const GoldenSample& recorded, const GoldenSample& got) {
  TANDEM_RETURN_IF_ERROR(
      CompareAll(number, recorded, "number of the embedding", got.embedding, recorded.embedding));
  if (got.top_items.size() != recorded.top_items.size() ||
      recorded.top_scores.size() != recorded.top_items.size()) {
    return Differs(number, recorded, "the number of items", 0,
                   static_cast<double>(got.top_items.size()),
                   static_cast<double>(recorded.top_items.size()));
  }
  return CompareAll(number, recorded, "score", got.top_scores, recorded.top_scores);
}

std::span<const float> ItemEmbedding(const Bundle& bundle, int32_t item) {
  const auto d = static_cast<size_t>(bundle.dimension());
  return std::span(bundle.items.embeddings).subspan(static_cast<size_t>(item) * d, d);
}

// Items may change places only among near ties: one that is recorded where another was found
// still scores what is recorded.
Status CompareItems(const Bundle& bundle, size_t number, const GoldenSample& recorded,
                    const GoldenSample& got) {
  for (size_t i = 0; i < recorded.top_items.size(); ++i) {
    const int32_t item = recorded.top_items[i];
    if (item == got.top_items[i]) continue;
    if (item < 0 || item >= bundle.items.ids.size()) {
      return Differs(number, recorded, "item", i, got.top_items[i], item);
    }
    const std::span<const float> embedding = ItemEmbedding(bundle, item);
    const float score =
        std::inner_product(embedding.begin(), embedding.end(), got.embedding.begin(), 0.0F);
    if (!Near(score, recorded.top_scores[i])) {
      return Differs(number, recorded, "item", i, got.top_items[i], item);
    }
  }
  return {};
}

// The towers on the sample's user and items, beside what the bundle keeps of them.
Status CompareTowers(const Bundle& bundle, size_t number, const GoldenSample& got) {
  if (!got.user_id.empty()) {
    TANDEM_RETURN_IF_ERROR(CompareAll(number, got, "number of the query tower's embedding",
                                      EncodeUser(bundle, bundle.UserRow(got.user_id)),
                                      got.embedding));
  }
  for (const int32_t item : got.top_items) {
    TANDEM_RETURN_IF_ERROR(CompareAll(number, got,
                                      StrCat("number of the item tower's embedding of row ", item),
                                      EncodeItem(bundle, item), ItemEmbedding(bundle, item)));
  }
  return {};
}

}  // namespace

std::vector<GoldenSample> RecordGolden(const Bundle& bundle) {
  std::vector<GoldenSample> samples;
  const int64_t users = bundle.users.history.size();
  const int64_t known = std::min(users, kKnownUsers);
  for (int64_t i = 0; i < known; ++i) {
    const auto row = static_cast<int32_t>(i * users / known);
    samples.push_back({.user_id = bundle.users.ids.Token(row + 1)});
  }
  samples.push_back({.user_id = kUnknownUser});
  if (TakesHistory(bundle)) {
    samples.push_back({});  // an empty history
    for (int64_t i = 0; i < std::min(users, kHistories); ++i) {
      GoldenSample sample;
      const std::span<const int32_t> history = bundle.users.history[i * users / kHistories];
      for (const int32_t row : history.first(std::min(history.size(), kHistoryItems))) {
        sample.history.push_back(bundle.items.ids.Token(row + 1));
      }
      samples.push_back(std::move(sample));
    }
  }
  for (GoldenSample& sample : samples) {
    // Search and encode fail only on shapes, which a bundle has right by construction; a sample
    // without an answer would be refused at replay.
    if (!Answer(bundle, sample).ok()) sample.embedding.clear();
  }
  return samples;
}

Status ReplayGolden(const Bundle& bundle) {
  if (bundle.golden.empty()) return DataLossError("the bundle has no golden samples");
  for (size_t i = 0; i < bundle.golden.size(); ++i) {
    const GoldenSample& recorded = bundle.golden[i];
    GoldenSample got{.user_id = recorded.user_id, .history = recorded.history};
    TANDEM_RETURN_IF_ERROR(Answer(bundle, got));
    TANDEM_RETURN_IF_ERROR(Compare(i, recorded, got));
    TANDEM_RETURN_IF_ERROR(CompareItems(bundle, i, recorded, got));
    TANDEM_RETURN_IF_ERROR(CompareTowers(bundle, i, got));
  }
  return {};
}

}  // namespace tandem::bundle
