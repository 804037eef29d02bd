#include "tandem/training/exporter.h"

#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/base/checksum.h"
#include "tandem/bundle/golden.h"
#include "tandem/bundle/item_attributes.h"
#include "tandem/index/exact_index.h"

namespace tandem::training {
namespace {

template <typename T>
std::string_view Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string FingerprintOf(const data::Interactions& rows) {
  std::string columns;
  for (const std::string_view bytes :
       {Bytes(rows.user), Bytes(rows.item), Bytes(rows.rating), Bytes(rows.time)}) {
    columns += ChecksumHex(bytes);
  }
  columns += ChecksumHex(rows.users.ToText()) + ChecksumHex(rows.items.ToText());
  return ChecksumHex(columns);
}

std::vector<int32_t> Iota(int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<float> Copy(nn::Var value) { return {value.values().begin(), value.values().end()}; }

// Everything a bundle keeps of the towers' output.
struct Embeddings {
  std::vector<float> queries;  // [u + 1, d]; the last row is the unknown user's
  std::vector<float> items;    // [n, d]
};

Embeddings EncodeAll(const model::TwoTower& tower, const data::Catalogue& catalogue,
                     const data::History& history, Workers& workers) {
  nn::Tape tape(workers);
  std::vector<int32_t> users = Iota(history.users());
  std::vector<int64_t> history_offsets = history.offsets;
  users.push_back(-1);  // with an empty history
  history_offsets.push_back(history_offsets.back());
  const std::vector<int32_t> items = Iota(catalogue.size());
  return {
      .queries = Copy(tower.EncodeQueries(
          tape, {.users = users, .history_offsets = history_offsets, .history = history.items})),
      .items = Copy(tower.EncodeItems(tape, {.items = items,
                                             .category_offsets = catalogue.category_offsets,
                                             .categories = catalogue.category}))};
}

bundle::Items MakeItems(const data::Dataset& dataset, std::vector<float> embeddings) {
  const data::Catalogue& catalogue = dataset.catalogue;
  bundle::Items items;
  items.ids = catalogue.ids;
  items.titles = catalogue.titles;
  items.categories = catalogue.categories;
  items.category_lists = {catalogue.category_offsets, catalogue.category};
  items.popularity = data::ItemCounts(dataset.train);
  items.by_popularity = data::ByPopularity(items.popularity);
  items.embeddings = std::move(embeddings);
  return items;
}

}  // namespace

Result<bundle::Bundle> MakeBundle(std::unique_ptr<model::TwoTower> tower,
                                  const data::Dataset& dataset, const data::History& history,
                                  const bundle::Provenance& provenance, Workers& workers) {
  bundle::Bundle made;
  made.provenance = provenance;
  made.provenance.data_fingerprint = FingerprintOf(dataset.train);
  made.config = tower->config();
  Embeddings embeddings = EncodeAll(*tower, dataset.catalogue, history, workers);
  made.items = MakeItems(dataset, std::move(embeddings.items));

  const size_t known = embeddings.queries.size() - static_cast<size_t>(made.dimension());
  const auto unknown = embeddings.queries.begin() + static_cast<std::ptrdiff_t>(known);
  made.users.ids = dataset.train.users;
  made.users.history = {history.offsets, history.items};
  made.users.unknown.assign(unknown, embeddings.queries.end());
  embeddings.queries.resize(known);
  made.users.embeddings = std::move(embeddings.queries);

  made.model = std::move(tower);
  TANDEM_ASSIGN_OR_RETURN(
      made.index,
      index::ExactIndex::Create(made.items.embeddings, dataset.catalogue.size(), made.dimension()));
  TANDEM_ASSIGN_OR_RETURN(made.attributes, bundle::ItemAttributes(made.items));
  made.golden = bundle::RecordGolden(made);
  return made;
}

}  // namespace tandem::training
