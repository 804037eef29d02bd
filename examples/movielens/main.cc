// Trains on the MovieLens ratings beside this file and recommends ten films to user 42.
//
//   movielens_example [directory of ratings.csv and movies.csv]
#include <iostream>
#include <string>

#include "tandem/recommend/recommender.h"
#include "tandem/training/run.h"

using namespace tandem;

int main(int argc, char** argv) {
  const std::string data = argc > 1 ? argv[1] : "examples/movielens/data";

  // A user is the films they rated. A film's popularity is part of its embedding, and in every
  // step each film of a user competes with the whole catalogue.
  const training::TrainingConfig config{
      .data = {.train = data + "/ratings.csv", .items = data + "/movies.csv"},
      .model = {.query = model::QueryFeature::kHistory,
                .popularity = model::PopularityTerm::kLastCoordinate,
                .rating = model::RatingHead::kNone},
      .retrieval = {.loss = training::RetrievalLoss::kFullSoftmax, .history_dropout = 0.8},
      .optimizer = {.kind = training::OptimizerKind::kAdam, .learning_rate = 0.05},
      .epochs = 40,
      .batch_by = training::BatchBy::kUser,
      .batch_size = 0};  // all users in one batch

  training::RunObserver observer;
  observer.on_phase = [](const std::string& phase) { std::cout << phase << '\n'; };

  Workers workers(AvailableProcessors());
  const auto bundle = training::TrainBundle(Env::Posix(), config, workers, observer);
  if (!bundle.ok()) {
    std::cerr << bundle.status() << '\n';
    return 1;
  }

  std::cout << "\nOn ratings held out from training:\n";
  for (const auto& [name, value] : bundle->provenance.metrics) {
    std::cout << "  " << name << " = " << value << '\n';
  }

  const auto films = recommend::Recommend(*bundle, "42", 10);
  if (!films.ok()) {
    std::cerr << films.status() << '\n';
    return 1;
  }
  std::cout << "\nUser 42 may like:\n";
  for (const auto& film : *films) std::cout << "  " << bundle->Title(film.item) << '\n';
}
