// From a user and a query embedding to the items to show: retrieve, exclude, fall back.
//
// Pure functions of an immutable bundle; thread-safe. Item rows are those of the bundle.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tandem/bundle/bundle.h"
#include "tandem/index/bitmap.h"

namespace tandem::recommend {

inline constexpr int kMaxResults = 1000;

enum class SeenItems { kExclude, kInclude };

struct Recommendation {
  int32_t item = -1;  // row in bundle.items
  float score = 0;    // inner product; the interaction count where the answer is by popularity
};

// The items that may be recommended, of bundle.items; none: all.
using AllowedItems = std::optional<index::Bitmap>;

// Those that pass a filter (index/filter.h) over the bundle's attributes, "category" and
// "popularity"; all where the text is empty. kInvalidArgument, with the place in the text.
Result<AllowedItems> FilterItems(const bundle::Bundle& bundle, std::string_view filter);

// The n best items for the embedding [d] by inner product, best first, ties by smaller row;
// `seen` (sorted item rows) never appears, nor what is not allowed. Fewer than n only where there
// are no more.
// kInvalidArgument: n outside 1 to kMaxResults, an embedding of another dimension.
Result<std::vector<Recommendation>> TopItems(const bundle::Bundle& bundle,
                                             std::span<const float> embedding,
                                             std::span<const int32_t> seen, int n,
                                             const AllowedItems& allowed = {});

// The n most popular items that are allowed and not in `seen`.
Result<std::vector<Recommendation>> PopularItems(const bundle::Bundle& bundle,
                                                 std::span<const int32_t> seen, int n,
                                                 const AllowedItems& allowed = {});

// Both in one: the n best items for a known user by the bundle's own embedding, the n most
// popular for any other.
Result<std::vector<Recommendation>> Recommend(const bundle::Bundle& bundle,
                                              std::string_view user_id, int n,
                                              SeenItems seen = SeenItems::kExclude,
                                              const AllowedItems& allowed = {});

// What a known user has seen: sorted item rows, a view into the bundle; empty for others.
std::span<const int32_t> SeenBy(const bundle::Bundle& bundle, std::string_view user_id);

}  // namespace tandem::recommend
