// A trained model as one immutable value: everything that changes an answer.
//
// A Bundle is made by an exporter (MakeBundle) or read from a version directory (reader.h),
// and never changes afterwards: share it as shared_ptr<const Bundle> among threads.
// Rows: users 0..u-1 and items 0..n-1; a row's id in a vocabulary and in the model's tables is
// row + 1, 0 is the unknown. The layout on disk is docs/bundle.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/feature/vocabulary.h"
#include "tandem/index/attributes.h"
#include "tandem/index/item_index.h"
#include "tandem/model/config.h"
#include "tandem/model/two_tower.h"

namespace tandem::bundle {

// Names on the wire of the signature serving_default; from_history adds its own input.
struct SignatureNames {
  std::string user_input = "string_lookup_1_input";  // DT_STRING [n]
  std::string history_input = "history";             // DT_STRING [1, n]
  std::string embedding_output = "embedding_1";      // DT_FLOAT [n, d]
};

// What the manifest tells of a training, beside what the model needs.
struct Provenance {
  uint64_t seed = 0;
  std::string data_fingerprint;                         // checksum of the training rows
  std::vector<std::pair<std::string, double>> metrics;  // e.g. {"RMSE", 0.91}, in print order
};

// Lists of rows in one buffer: list i is values[offsets[i] .. offsets[i + 1]).
struct RowLists {
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> values;

  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  std::span<const int32_t> operator[](int64_t i) const {
    const size_t list = static_cast<size_t>(i);
    return std::span(values).subspan(static_cast<size_t>(offsets[list]),
                                     static_cast<size_t>(offsets[list + 1] - offsets[list]));
  }
};

struct Items {
  feature::Vocabulary ids;          // n tokens
  std::vector<std::string> titles;  // [n]; the id where a film has no title
  feature::Vocabulary categories;
  RowLists category_lists;             // [n] lists of category ids (1 and up)
  std::vector<int64_t> popularity;     // [n] training interactions
  std::vector<float> embeddings;       // [n, d]
  std::vector<int32_t> by_popularity;  // item rows, most popular first, ties by smaller row
};

struct Users {
  feature::Vocabulary ids;        // u tokens
  RowLists history;               // [u] lists of item rows, sorted: what "seen" means
  std::vector<float> embeddings;  // [u, d]
  std::vector<float> unknown;     // [d] what the tower gives for an empty history
};

// One recorded request with its answer; see golden.h.
struct GoldenSample {
  std::string user_id;               // "" stands for no user id
  std::vector<std::string> history;  // used where the user id is empty
  std::vector<float> embedding;      // [d]
  std::vector<int32_t> top_items;    // exact top k, history excluded
  std::vector<float> top_scores;
};

struct Bundle {
  int64_t version = 0;
  std::string fingerprint;  // over the checksums of all files: equal means the same bundle
  SignatureNames signature;
  Provenance provenance;
  model::ModelConfig config;
  Items items;
  Users users;
  std::vector<GoldenSample> golden;
  std::unique_ptr<const model::TwoTower> model;
  std::unique_ptr<const index::ItemIndex> index;  // looks into items.embeddings
  index::AttributeTable attributes{0};            // of items, for filters: item_attributes.h

  int64_t dimension() const { return config.dimension; }
  // The row of a user or item, -1 where the id is not known.
  int32_t UserRow(std::string_view id) const { return users.ids.Find(id) - 1; }
  int32_t ItemRow(std::string_view id) const { return items.ids.Find(id) - 1; }
  const std::string& Title(int32_t item_row) const {
    return items.titles[static_cast<size_t>(item_row)];
  }
};

}  // namespace tandem::bundle
