#include "tandem/cli/index_flags.h"

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "tandem/cli/index_verbs.h"
#include "tandem/format/csv.h"

namespace tandem::cli {
namespace {

constexpr int64_t kMaxK = 1'000'000;
constexpr int64_t kMaxThreads = 1024;
constexpr char kVectors[] = ".npy, .safetensors, or raw float32 with --dimension";

void AddTensor(CLI::App* app, std::string& tensor) {
  app->add_option("--tensor", tensor, "The array of a .safetensors file, where several would do");
}

// As CLI::Range, with a message that says what it got and what it expected.
CLI::Validator WholeNumber(int64_t least, int64_t most) {
  const std::string range = StrCat(least, " to ", most);
  return {[=](const std::string& text) -> std::string {
            const Result<int64_t> number = format::ParseInt64(text);
            if (number.ok() && *number >= least && *number <= most) return "";
            return StrCat("got '", text, "', expected a whole number from ", range);
          },
          range};
}

void AddK(CLI::App* app, int64_t& k) {
  app->add_option("-k", k, "How many items for each query")
      ->check(WholeNumber(1, kMaxK))
      ->capture_default_str();
}

void AddFilter(CLI::App* app, std::string& filter) {
  app->add_option("--filter", filter,
                  "Finds only items whose attributes pass: 'genre = Comedy AND year >= 1990'");
}

void AddRestriction(CLI::App* app, IndexRestriction& restriction) {
  app->add_option("--exclude", restriction.exclude,
                  "A line for each query: the ids that must not be found, spaces between");
  AddFilter(app, restriction.filter);
}

void AddDimension(CLI::App* app, int64_t& dimension) {
  app->add_option("--dimension", dimension, "Numbers of a vector")->check(WholeNumber(1, 1 << 24));
}

void AddThreads(CLI::App* app, int& threads) {
  app->add_option("--threads", threads, "0: one a processor; the result is the same with any")
      ->check(WholeNumber(0, kMaxThreads))
      ->capture_default_str();
}

void AddSeedAndThreads(CLI::App* app, uint64_t& seed, int& threads) {
  app->add_option("--seed", seed, "The same seed gives the same bytes")->capture_default_str();
  AddThreads(app, threads);
}

void AddEngine(CLI::App* app, IndexEngineOptions& engine) {
  app->add_option("--engine", engine.engine,
                  "exact; ivf: approximate, for millions of vectors; auto: the cheaper of both")
      ->capture_default_str();
  app->add_option("--rows", engine.rows,
                  "float, or int8: a third of the memory, and scores of rounded vectors")
      ->capture_default_str();
  app->add_option("--target-recall", engine.target_recall,
                  "The share of the best items that ivf should find, 0.95 unless told");
  app->add_option("--sample-queries", engine.sample_queries,
                  "Queries as they will come, for ivf to be made for; without it, the vectors");
  app->add_option("--threads", engine.threads,
                  "For ivf to be built, one a processor unless told; the result is the same")
      ->check(WholeNumber(0, kMaxThreads));
}

void AddQueries(CLI::App* app, std::string& queries, std::string& tensor) {
  app->add_option("--queries", queries, ".npy, .safetensors, or raw float32")->required();
  AddTensor(app, tensor);
}

}  // namespace

struct IndexFlags::Options {
  IndexBuildOptions build;
  IndexSearchOptions search;
  IndexInfoOptions info;
  IndexBenchOptions bench;
  IndexItemOptions get;
  IndexItemOptions neighbors;
  IndexExportAnnoyOptions export_annoy;
  IndexImportAnnoyOptions import_annoy;
  IndexRepairAnnoyOptions repair_annoy;
};

IndexFlags::~IndexFlags() = default;

IndexFlags::IndexFlags(CLI::App& program, Env& env, std::ostream& out,
                       std::function<void(std::function<Status()>)> chosen)
    : options_(std::make_unique<Options>()) {
  CLI::App* index = program.add_subcommand(
      "index", "Vectors and the search for the nearest of them, as a tool of its own");
  index->require_subcommand(1);
  Options& o = *options_;
  const auto add = [&](const char* name, const char* about, std::function<Status()> verb) {
    CLI::App* app = index->add_subcommand(name, about);
    app->callback([chosen, verb = std::move(verb)] { chosen(verb); });
    return app;
  };

  CLI::App* build =
      add("build", "Build an index of vectors; it replaces the file at --out when all is written",
          [&env, &out, &o] { return IndexBuild(env, o.build, out); });
  build->add_option("vectors", o.build.vectors, kVectors)->required();
  build->add_option("--out", o.build.out, "The index")->required();
  AddDimension(build, o.build.dimension);
  AddTensor(build, o.build.tensor);
  build->add_option("--metric", o.build.metric, "dot, cosine or l2")->capture_default_str();
  AddEngine(build, o.build.engine);
  build->add_option("--ids", o.build.ids,
                    "A line for each vector; without it, row numbers are the ids");
  build->add_option("--attributes", o.build.attributes,
                    "A table for filters, tab-separated (.csv: by commas): a header, then a line "
                    "for each vector, or for each id in a first column 'id'");

  CLI::App* search = add("search", "Find the nearest items of each query",
                         [&env, &out, &o] { return IndexSearch(env, o.search, out); });
  search->add_option("index", o.search.index, "The index")->required();
  AddQueries(search, o.search.queries, o.search.tensor);
  AddK(search, o.search.k);
  AddRestriction(search, o.search.restriction);
  search->add_option("--out", o.search.out,
                     "A .npy of int64 row numbers [q, k], -1 where there is none; any other name, "
                     "and the terminal without --out: a line of ids for each query");
  search->add_option("--scores", o.search.scores, "A .npy of float32 [q, k] for the scores");
  AddThreads(search, o.search.threads);

  CLI::App* info =
      add("info", "What an index holds", [&env, &out, &o] { return IndexInfo(env, o.info, out); });
  info->add_option("index", o.info.index, "The index")->required();
  info->add_flag("--verify", o.info.verify, "Read all of it and compare the checksums");
  info->add_flag("--json", o.info.json, "As one JSON object");

  CLI::App* bench =
      add("bench", "Time of a query on one thread, and recall against a scan in double",
          [&env, &out, &o] { return IndexBench(env, o.bench, out); });
  bench->add_option("index", o.bench.index, "The index")->required();
  AddQueries(bench, o.bench.queries, o.bench.tensor);
  AddK(bench, o.bench.k);
  AddRestriction(bench, o.bench.restriction);
  bench->add_option("--seconds", o.bench.seconds, "CPU time for passes over the queries, at least")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  bench->add_flag("--json", o.bench.json, "As one JSON object");

  CLI::App* get =
      add("get", "The vector of an item", [&env, &out, &o] { return IndexGet(env, o.get, out); });
  get->add_option("index", o.get.index, "The index")->required();
  get->add_option("--id", o.get.id, "The item")->required();

  CLI::App* neighbors = add("neighbors", "The items nearest to an item",
                            [&env, &out, &o] { return IndexNeighbors(env, o.neighbors, out); });
  neighbors->add_option("index", o.neighbors.index, "The index")->required();
  neighbors->add_option("--id", o.neighbors.id, "The item")->required();
  AddK(neighbors, o.neighbors.k);
  AddFilter(neighbors, o.neighbors.filter);

  CLI::App* to_annoy = add("export-annoy", "Write an .ann file that Annoy's released package reads",
                           [&env, &out, &o] { return IndexExportAnnoy(env, o.export_annoy, out); });
  to_annoy->add_option("index", o.export_annoy.index, "The index")->required();
  to_annoy->add_option("--out", o.export_annoy.out, "The .ann file")->required();
  to_annoy->add_option("--trees", o.export_annoy.trees, "More trees find more and take more bytes")
      ->check(WholeNumber(1, 10'000))
      ->capture_default_str();
  AddSeedAndThreads(to_annoy, o.export_annoy.seed, o.export_annoy.threads);

  CLI::App* from_annoy =
      add("import-annoy", "Build an index of the items of an .ann file",
          [&env, &out, &o] { return IndexImportAnnoy(env, o.import_annoy, out); });
  from_annoy->add_option("annoy", o.import_annoy.annoy, "The .ann file")->required();
  from_annoy->add_option("--out", o.import_annoy.out, "The index")->required();
  AddDimension(from_annoy, o.import_annoy.dimension);
  from_annoy->add_option("--metric", o.import_annoy.metric,
                         "Annoy's name of it, where more than one fits the file");
  AddEngine(from_annoy, o.import_annoy.engine);

  CLI::App* repair =
      add("repair-annoy", "Give the items of a dot .ann file trees in which Annoy finds them",
          [&env, &out, &o] { return IndexRepairAnnoy(env, o.repair_annoy, out); });
  repair->add_option("in", o.repair_annoy.in, "The .ann file")->required();
  repair->add_option("out", o.repair_annoy.out, "The repaired one")->required();
  AddDimension(repair, o.repair_annoy.dimension);
  AddSeedAndThreads(repair, o.repair_annoy.seed, o.repair_annoy.threads);
}

}  // namespace tandem::cli
