#include "tandem/training/data/history.h"

#include <algorithm>
#include <numeric>

namespace tandem::data {
namespace {

template <typename T>
std::span<const T> ListOf(const std::vector<T>& values, const std::vector<int64_t>& offsets,
                          int64_t list) {
  const size_t begin = static_cast<size_t>(offsets[static_cast<size_t>(list)]);
  const size_t end = static_cast<size_t>(offsets[static_cast<size_t>(list) + 1]);
  return std::span(values).subspan(begin, end - begin);
}

}  // namespace

std::span<const int32_t> History::ItemsOf(int64_t user) const {
  return ListOf(items, offsets, user);
}

std::span<const float> History::RatingsOf(int64_t user) const {
  return ListOf(ratings, offsets, user);
}

History MakeHistory(const Interactions& interactions) {
  // Places of the known interactions by user, item and time; a later place wins among equals.
  std::vector<size_t> order;
  order.reserve(interactions.user.size());
  for (size_t i = 0; i < interactions.user.size(); ++i) {
    if (interactions.user[i] >= 0 && interactions.item[i] >= 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&interactions](size_t a, size_t b) {
    if (interactions.user[a] != interactions.user[b]) {
      return interactions.user[a] < interactions.user[b];
    }
    if (interactions.item[a] != interactions.item[b]) {
      return interactions.item[a] < interactions.item[b];
    }
    if (interactions.time[a] != interactions.time[b]) {
      return interactions.time[a] < interactions.time[b];
    }
    return a < b;
  });
  History history;
  history.items.reserve(order.size());
  history.ratings.reserve(order.size());
  size_t next = 0;
  for (int32_t user = 0; user < interactions.users.size(); ++user) {
    const size_t begin = history.items.size();
    for (; next < order.size() && interactions.user[order[next]] == user; ++next) {
      const size_t place = order[next];
      if (history.items.size() > begin && history.items.back() == interactions.item[place]) {
        history.ratings.back() = interactions.rating[place];
      } else {
        history.items.push_back(interactions.item[place]);
        history.ratings.push_back(interactions.rating[place]);
      }
    }
    history.offsets.push_back(static_cast<int64_t>(history.items.size()));
  }
  return history;
}

std::vector<int64_t> ItemCounts(const Interactions& interactions) {
  std::vector<int64_t> counts(static_cast<size_t>(interactions.items.size()), 0);
  for (const int32_t item : interactions.item) {
    if (item >= 0) ++counts[static_cast<size_t>(item)];
  }
  return counts;
}

std::vector<float> SamplingProbabilities(std::span<const int64_t> counts) {
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  std::vector<float> probabilities(counts.size(), 0.0f);
  if (total == 0) return probabilities;
  for (size_t i = 0; i < counts.size(); ++i) {
    probabilities[i] =
        static_cast<float>(static_cast<double>(counts[i]) / static_cast<double>(total));
  }
  return probabilities;
}

std::vector<int32_t> ByPopularity(std::span<const int64_t> counts) {
  std::vector<int32_t> rows(counts.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [counts](int32_t a, int32_t b) {
    return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
  });
  return rows;
}

}  // namespace tandem::data
