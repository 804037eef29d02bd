// The one way from a user to a query embedding, for training's export, both servers and golden
// samples alike.
#pragma once

#include <span>
#include <vector>

#include "tandem/bundle/bundle.h"

namespace tandem::bundle {

// Whether the query tower runs on a history (the signature from_history is offered).
bool TakesHistory(const Bundle& bundle);

// [d]: the embedding of a known user as exported; the unknown user's otherwise. A view into
// the bundle.
std::span<const float> UserEmbedding(const Bundle& bundle, std::string_view user_id);

// The same of a user row; -1 is the unknown user.
std::span<const float> EmbeddingOfRow(const Bundle& bundle, int32_t user_row);

// [d]: runs the query tower on a user row with the history that the bundle has of it (-1: the
// unknown user, without one); what UserEmbedding kept at export.
std::vector<float> EncodeUser(const Bundle& bundle, int32_t user_row);

// [d]: runs the item tower on an item row (-1: an unknown item).
std::vector<float> EncodeItem(const Bundle& bundle, int32_t item_row);

// [d]: runs the query tower on item rows (unknown items left out by the caller). An empty
// history is the unknown user. kFailedPrecondition where the tower takes no history.
Result<std::vector<float>> EncodeHistory(const Bundle& bundle, std::span<const int32_t> item_rows);

// The rating head's prediction for each pair (user_rows[i], item_rows[i]); -1 stands for an
// unknown user or item and gets the head's answer for one. kFailedPrecondition where the model
// has no rating head.
Result<std::vector<float>> PredictRatings(const Bundle& bundle, std::span<const int32_t> user_rows,
                                          std::span<const int32_t> item_rows);

}  // namespace tandem::bundle
