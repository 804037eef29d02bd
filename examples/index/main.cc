// Searches four films while they change: insert, search, replace, delete, save and open again.
#include <iostream>
#include <string>
#include <vector>

#include "tandem/index/live_index.h"

using namespace tandem;
using index::LiveIndex;
using index::Neighbor;

namespace {

Status Run(Env& env, const std::string& path) {
  TANDEM_ASSIGN_OR_RETURN(const auto films, LiveIndex::Create(/*dimension=*/2));
  const std::vector<std::string> ids = {"Alien", "Amelie", "Brazil", "Casablanca"};
  TANDEM_RETURN_IF_ERROR(films->Upsert(ids, std::vector<float>{3, 0, 0, 2, 2, 1, 1, 3}));

  const std::vector<float> query = {1, 2};
  TANDEM_ASSIGN_OR_RETURN(auto found, films->Search(query, 2, {.exclude = {"Amelie"}}));
  for (const Neighbor& film : found) std::cout << film.id << ' ' << film.score << '\n';

  TANDEM_RETURN_IF_ERROR(films->Upsert("Alien", std::vector<float>{4, 4}));  // replaced
  TANDEM_RETURN_IF_ERROR(films->Delete("Casablanca"));
  TANDEM_RETURN_IF_ERROR(films->Save(env, path));

  TANDEM_ASSIGN_OR_RETURN(const auto opened, LiveIndex::Open(env, path));
  TANDEM_ASSIGN_OR_RETURN(found, opened->NeighborsOf("Alien", 2));
  for (const Neighbor& film : found) std::cout << "like Alien: " << film.id << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run(Env::Posix(), argc > 1 ? argv[1] : "films.index");
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
