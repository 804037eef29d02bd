#include "tandem/training/exporter.h"

#include <string_view>

#include "tandem/base/checksum.h"
#include "tandem/bundle/golden.h"
#include "tandem/index/exact_index.h"
#include "tandem/training/metric/top_k_accuracy.h"

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
  made.golden = bundle::RecordGolden(made);
  return made;
}

std::vector<std::pair<std::string, double>> ModelMetrics(const Metrics& metrics) {
  std::vector<std::pair<std::string, double>> named;
  const auto add = [&](const std::vector<double>& accuracies, const char* suffix) {
    for (size_t i = 0; i < accuracies.size(); ++i) {
      named.emplace_back(StrCat("acc@", metric::kUsualKs[i], suffix), accuracies[i]);
    }
  };
  add(metrics.accuracy, "");
  add(metrics.accuracy_all, " (seen kept)");
  if (metrics.rmse) named.emplace_back("RMSE", *metrics.rmse);
  if (metrics.mae) named.emplace_back("MAE", *metrics.mae);
  return named;
}

}  // namespace tandem::training
