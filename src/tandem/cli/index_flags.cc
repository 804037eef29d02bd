#include "tandem/cli/index_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tandem/cli/index_verbs.h"
#include "tandem/format/csv.h"
#include "tandem/index/metric.h"

namespace tandem::cli {
namespace {

constexpr int64_t kMaxK = 1'000'000;
constexpr int64_t kMaxThreads = 1024;
constexpr char kVectors[] =
    ".npy, .safetensors, raw float32 with --dimension, or a BUNDLE: its items with their ids, "
    "categories and popularity";

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

// As CLI::IsMember, in the same words.
CLI::Validator OneOf(std::vector<std::string> choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < choices.size() ? ", " : " or ") + choices[i];
  }
  return {[=](const std::string& got) -> std::string {
            const bool known = std::find(choices.begin(), choices.end(), got) != choices.end();
            return known ? "" : StrCat("got '", got, "', expected ", text);
          },
          text};
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

void AddDimension(CLI::App* app, int64_t& dimension, int64_t most = index::kMaxDimension) {
  app->add_option("--dimension", dimension, "Numbers of a vector")->check(WholeNumber(1, most));
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
      ->check(OneOf({"exact", "ivf", "auto"}))
      ->capture_default_str();
  app->add_option("--rows", engine.rows,
                  "float, or int8: a third of the memory, and scores of rounded vectors")
      ->check(OneOf({"float", "int8"}))
      ->capture_default_str();
  app->add_option("--target-recall", engine.target_recall,
                  "The share of the best items that ivf should find, 0.95 unless told");
  app->add_option("--sample-queries", engine.sample_queries,
                  "Queries as they will come, for ivf to be made for; without it, the vectors");
  app->add_option("--threads", engine.threads,
                  "For ivf to be built, one a processor unless told; the result is the same")
      ->check(WholeNumber(0, kMaxThreads));
}

void AddRebuild(CLI::App* app, IndexRebuildOptions& rebuild) {
  app->add_option("--out", rebuild.out, "The changed index; without it, in place of the old one");
  app->add_option("--sample-queries", rebuild.sample_queries,
                  "For an index of ivf, as in build; without it, the vectors");
  app->add_option("--threads", rebuild.threads, "For an index of ivf, as in build")
      ->check(WholeNumber(0, kMaxThreads));
}

void AddQueries(CLI::App* app, std::string& queries, std::string& tensor) {
  app->add_option("--queries", queries, ".npy, .safetensors, or raw float32")->required();
  AddTensor(app, tensor);
}

}  // namespace

using Chosen = std::function<void(std::function<Status()>)>;

class IndexFlags::Verbs {
 public:
  Verbs(CLI::App& program, Env& env, std::ostream& out, Chosen chosen)
      : env_(env),
        out_(out),
        chosen_(std::move(chosen)),
        index_(program.add_subcommand(
            "index", "Vectors and the search for the nearest of them, as a tool of its own")) {
    index_->require_subcommand(1);
    AddBuilding();
    AddSearching();
    AddAnnoy();
  }

 private:
  CLI::App* Add(const char* name, const char* about, std::function<Status()> verb) {
    CLI::App* app = index_->add_subcommand(name, about);
    app->callback([this, verb = std::move(verb)] { chosen_(verb); });
    return app;
  }
  // With what is wrong with flags that are right each alone: wrong usage, too.
  template <typename Options>
  CLI::App* Add(const char* name, const char* about, const Options& options,
                Status (*verb)(Env&, const Options&, std::ostream&)) {
    CLI::App* app = index_->add_subcommand(name, about);
    app->callback([this, &options, verb] {
      const Status usage = CheckUsage(env_, options);
      if (!usage.ok()) throw CLI::ValidationError(usage.message());
      chosen_([this, &options, verb] { return verb(env_, options, out_); });
    });
    return app;
  }
  void AddBuilding();
  void AddSearching();
  void AddAnnoy();

  Env& env_;
  std::ostream& out_;
  Chosen chosen_;
  CLI::App* index_;
  IndexBuildOptions build_;
  IndexAddOptions add_;
  IndexRemoveOptions remove_;
  IndexSearchOptions search_;
  IndexInfoOptions info_;
  IndexBenchOptions bench_;
  IndexGetOptions get_;
  IndexNeighborsOptions neighbors_;
  IndexExportAnnoyOptions export_annoy_;
  IndexImportAnnoyOptions import_annoy_;
  IndexRepairAnnoyOptions repair_annoy_;
};

IndexFlags::IndexFlags(CLI::App& program, Env& env, std::ostream& out, Chosen chosen)
    : verbs_(std::make_unique<Verbs>(program, env, out, std::move(chosen))) {}
IndexFlags::~IndexFlags() = default;

void IndexFlags::Verbs::AddBuilding() {
  CLI::App* build =
      Add("build", "Build an index of vectors; it replaces the file at --out when all is written",
          build_, &IndexBuild);
  build->add_option("vectors", build_.vectors, kVectors)->required();
  build->add_option("--out", build_.out, "The index")->required();
  AddDimension(build, build_.dimension);
  AddTensor(build, build_.tensor);
  build->add_option("--metric", build_.metric, "Of the scores")
      ->check(OneOf({"dot", "cosine", "l2"}))
      ->capture_default_str();
  AddEngine(build, build_.engine);
  build->add_option("--ids", build_.ids,
                    "A line for each vector; without it, row numbers are the ids");
  build->add_option("--attributes", build_.attributes,
                    "A table for filters, tab-separated (.csv: by commas): a header, then a line "
                    "for each vector, or for each id in a first column 'id'");

  CLI::App* more = Add("add", "Add vectors to an index, or replace those of ids that it has",
                       [this] { return IndexAdd(env_, add_, out_); });
  more->add_option("index", add_.index, "The index")->required();
  more->add_option("vectors", add_.vectors, ".npy, .safetensors, raw float32, or a BUNDLE")
      ->required();
  AddTensor(more, add_.tensor);
  more->add_option("--ids", add_.ids,
                   "A line for each vector; without it, the row numbers that follow");
  more->add_option("--attributes", add_.attributes,
                   "As in build, with any of the columns that the index has");
  AddRebuild(more, add_.rebuild);

  CLI::App* remove = Add("remove", "Remove items from an index",
                         [this] { return IndexRemove(env_, remove_, out_); });
  remove->add_option("index", remove_.index, "The index")->required();
  remove->add_option("--ids", remove_.ids, "A line for each item to remove")->required();
  AddRebuild(remove, remove_.rebuild);
}

void IndexFlags::Verbs::AddSearching() {
  CLI::App* search = Add("search", "Find the nearest items of each query", search_, &IndexSearch);
  search->add_option("index", search_.index, "The index")->required();
  AddQueries(search, search_.queries, search_.tensor);
  AddK(search, search_.k);
  AddRestriction(search, search_.restriction);
  search->add_option("--out", search_.out,
                     "A .npy of int64 row numbers [q, k], -1 where there is none; any other name, "
                     "and the terminal without --out: a line of ids for each query");
  search->add_option("--scores", search_.scores, "A .npy of float32 [q, k] for the scores");
  AddThreads(search, search_.threads);

  CLI::App* info =
      Add("info", "What an index holds", [this] { return IndexInfo(env_, info_, out_); });
  info->add_option("index", info_.index, "The index")->required();
  info->add_flag("--verify", info_.verify, "Read all of it and compare the checksums");
  info->add_flag("--json", info_.json, "As one JSON object");

  CLI::App* bench =
      Add("bench", "Time of a query on one thread, and recall against a scan in double",
          [this] { return IndexBench(env_, bench_, out_); });
  bench->add_option("index", bench_.index, "The index")->required();
  AddQueries(bench, bench_.queries, bench_.tensor);
  AddK(bench, bench_.k);
  AddRestriction(bench, bench_.restriction);
  bench->add_option("--seconds", bench_.seconds, "CPU time for passes over the queries, at least")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  bench->add_flag("--json", bench_.json, "As one JSON object");

  CLI::App* get = Add("get", "The vector and the attributes of an item",
                      [this] { return IndexGet(env_, get_, out_); });
  get->add_option("index", get_.index, "The index")->required();
  get->add_option("--id", get_.id, "The item")->required();
  get->add_flag("--json", get_.json, "As one JSON object");

  CLI::App* neighbors = Add("neighbors", "The items nearest to an item",
                            [this] { return IndexNeighbors(env_, neighbors_, out_); });
  neighbors->add_option("index", neighbors_.index, "The index")->required();
  neighbors->add_option("--id", neighbors_.id, "The item")->required();
  AddK(neighbors, neighbors_.k);
  AddFilter(neighbors, neighbors_.filter);
}

void IndexFlags::Verbs::AddAnnoy() {
  CLI::App* to_annoy = Add("export-annoy", "Write an .ann file that Annoy's released package reads",
                           export_annoy_, &IndexExportAnnoy);
  to_annoy->add_option("index", export_annoy_.index, "The index, or a BUNDLE")->required();
  to_annoy->add_option("--out", export_annoy_.out, "The .ann file")->required();
  to_annoy->add_option("--ids-out", export_annoy_.ids_out,
                       "A file for what Annoy's numbers stand for: a line of the id for each");
  to_annoy->add_option("--trees", export_annoy_.trees, "More trees find more and take more bytes")
      ->check(WholeNumber(1, 10'000))
      ->capture_default_str();
  AddSeedAndThreads(to_annoy, export_annoy_.seed, export_annoy_.threads);

  CLI::App* from_annoy = Add("import-annoy", "Build an index of the items of an .ann file",
                             import_annoy_, &IndexImportAnnoy);
  from_annoy->add_option("annoy", import_annoy_.annoy, "The .ann file")->required();
  from_annoy->add_option("--out", import_annoy_.out, "The index")->required();
  AddDimension(from_annoy, import_annoy_.dimension);
  from_annoy->add_option("--metric", import_annoy_.metric,
                         "Annoy's name of it, where more than one fits the file");
  AddEngine(from_annoy, import_annoy_.engine);

  CLI::App* repair =
      Add("repair-annoy", "Give the items of a dot .ann file trees in which Annoy finds them",
          [this] { return IndexRepairAnnoy(env_, repair_annoy_, out_); });
  repair->add_option("in", repair_annoy_.in, "The .ann file")->required();
  repair->add_option("out", repair_annoy_.out, "The repaired one")->required();
  AddDimension(repair, repair_annoy_.dimension, 1 << 24);
  AddSeedAndThreads(repair, repair_annoy_.seed, repair_annoy_.threads);
}

}  // namespace tandem::cli
