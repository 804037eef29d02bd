#include "tandem/training/run.h"

#include <algorithm>
#include <numeric>

#include "tandem/base/checksum.h"
#include "tandem/training/data/layouts.h"
#include "tandem/training/data/reader.h"
#include "tandem/training/data/split.h"
#include "tandem/training/exporter.h"
#include "tandem/training/two_tower_model.h"

namespace tandem::training {
namespace {

struct Source {
  data::Interactions interactions;
  data::Catalogue catalogue;
  std::optional<data::Interactions> test;
};

class Runner {
 public:
  Runner(const Env& env, const TrainingConfig& config, Workers& workers,
         const RunObserver& observer)
      : env_(env), config_(config), workers_(workers), observer_(observer) {}

  Result<bundle::Bundle> Run() {
    TANDEM_ASSIGN_OR_RETURN(const Source source, Read());
    if (source.test) return TrainAndEvaluate(source.interactions, source.catalogue, *source.test);

    TANDEM_ASSIGN_OR_RETURN(const data::Split split, SplitRows(source.interactions));
    TANDEM_ASSIGN_OR_RETURN(
        const bundle::Bundle judged,
        TrainAndEvaluate(data::Select(source.interactions, split.train), source.catalogue,
                         data::Select(source.interactions, split.test)));
    TANDEM_ASSIGN_OR_RETURN(data::Dataset all,
                            data::MakeDataset(source.interactions, source.catalogue));
    const data::History history = data::MakeHistory(all.train);
    TANDEM_ASSIGN_OR_RETURN(auto tower, Train(all, history));
    return MakeBundle(std::move(tower), all, history, judged.provenance, workers_);
  }

 private:
  void Phase(const std::string& text) const {
    if (observer_.on_phase) observer_.on_phase(text);
  }

  template <typename T>
  void NoteSkipped(const std::string& path, const data::Loaded<T>& loaded) const {
    if (loaded.skipped_rows == 0) return;
    Phase(StrCat("skipped ", loaded.skipped_rows, " bad rows of ", path,
                 ", the first: ", loaded.first_skipped));
  }

  Result<Source> Read() const {
    const DataConfig& from = config_.data;
    TANDEM_ASSIGN_OR_RETURN(const data::Layout layout, data::PresetLayout(from.layout));
    const data::ReadOptions options{.on_bad_row = from.skip_bad_rows ? data::BadRow::kSkip
                                                                     : data::BadRow::kFail};
    Source source;
    Phase("reading " + from.train);
    TANDEM_ASSIGN_OR_RETURN(auto train,
                            data::ReadInteractions(env_, from.train, layout.interactions, options));
    NoteSkipped(from.train, train);
    source.interactions = std::move(train.data);
    if (!from.items.empty()) {
      TANDEM_ASSIGN_OR_RETURN(auto items,
                              data::ReadCatalogue(env_, from.items, layout.items, options));
      NoteSkipped(from.items, items);
      source.catalogue = std::move(items.data);
    }
    if (!from.test.empty()) {
      TANDEM_ASSIGN_OR_RETURN(
          auto test, data::ReadInteractions(env_, from.test, layout.interactions, options));
      NoteSkipped(from.test, test);
      source.test = std::move(test.data);
    }
    return source;
  }

  Result<data::Split> SplitRows(const data::Interactions& interactions) const {
    if (config_.data.split == "time") {
      return data::SplitByTime(interactions.time, config_.data.test_fraction);
    }
    return data::SplitRandomly(interactions.size(), config_.data.test_fraction, config_.seed);
  }

  Result<bundle::Bundle> TrainAndEvaluate(const data::Interactions& train,
                                          const data::Catalogue& catalogue,
                                          const data::Interactions& test) const {
    TANDEM_ASSIGN_OR_RETURN(const data::Dataset dataset, data::MakeDataset(train, catalogue));
    const data::History history = data::MakeHistory(dataset.train);
    TANDEM_ASSIGN_OR_RETURN(auto tower, Train(dataset, history));
    TANDEM_ASSIGN_OR_RETURN(bundle::Bundle made, MakeBundle(std::move(tower), dataset, history,
                                                            {.seed = config_.seed}, workers_));
    Phase(StrCat("evaluating on ", test.size(), " rows"));
    TANDEM_ASSIGN_OR_RETURN(const std::vector<Metrics> table,
                            EvaluateBesideBaselines(made, dataset.train, test, workers_));
    if (observer_.on_metrics) observer_.on_metrics(table);
    made.provenance.metrics = ModelMetrics(table.front());
    return made;
  }

  Result<std::unique_ptr<model::TwoTower>> Train(const data::Dataset& dataset,
                                                 const data::History& history) const {
    const data::Interactions& rows = dataset.train;
    Phase(StrCat("training on ", rows.size(), " interactions of ", rows.users.size(), " users and ",
                 dataset.catalogue.size(), " items"));
    TANDEM_ASSIGN_OR_RETURN(
        auto tower, model::TwoTower::Create(config_.model,
                                            {.users = rows.users.size(),
                                             .items = dataset.catalogue.size(),
                                             .categories = dataset.catalogue.categories.size()},
                                            Rng(config_.seed).Fork("parameters")));
    const std::vector<int64_t> counts = data::ItemCounts(rows);
    tower->SetPopularity(counts);
    tower->SetMeanRating(
        static_cast<float>(std::accumulate(rows.rating.begin(), rows.rating.end(), 0.0) /
                           static_cast<double>(rows.size())));
    TwoTowerModel model(*tower, dataset, config_.retrieval, config_.rating);
    const FitOptions options{.seed = config_.seed,
                             .epochs = config_.epochs,
                             .batch_by = config_.batch_by,
                             .batch_size = config_.batch_size,
                             .reshuffle = config_.reshuffle,
                             .optimizer = config_.optimizer};
    TANDEM_RETURN_IF_ERROR(
        Fit(model, rows, history, options, env_, workers_, [this](const EpochReport& report) {
          if (observer_.on_epoch) observer_.on_epoch(report);
        }));
    return tower;
  }

  const Env& env_;
  const TrainingConfig& config_;
  Workers& workers_;
  const RunObserver& observer_;
};

}  // namespace

Result<bundle::Bundle> TrainBundle(const Env& env, const TrainingConfig& config, Workers& workers,
                                   const RunObserver& observer) {
  TANDEM_RETURN_IF_ERROR(Validate(config));
  return Runner(env, config, workers, observer).Run();
}

}  // namespace tandem::training
