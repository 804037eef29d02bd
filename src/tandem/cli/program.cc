#include "tandem/cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/log.h"
#include "tandem/cli/flag_names.h"
#include "tandem/cli/index_flags.h"
#include "tandem/cli/serve_flags.h"
#include "tandem/cli/verbs.h"
#include "tandem/cli/version.h"

namespace tandem::cli {
namespace {

constexpr char kAbout[] =
    "tandem trains recommenders on ratings and answers with titles.\n"
    "A trained model is a bundle: a directory that holds everything that changes an answer.\n"
    "BUNDLE is a base path (its newest good version is used) or one version's directory.";

using Verb = std::function<Status()>;

// " (TANDEM_PORT of the environment)" where the flag that an error names came from there.
std::string Origin(const std::vector<TakenVariable>& taken, const std::string& error) {
  for (const TakenVariable& one : taken) {
    if (error.rfind(one.flag + ":", 0) == 0)
      return StrCat(" (", one.variable, " of the environment)");
  }
  return "";
}

class Program {
 public:
  Program(Env& env, std::ostream& out)
      : env_(env),
        out_(out),
        app_(kAbout, "tandem"),
        serve_(app_, env, out, [this](Verb verb) { verb_ = std::move(verb); }),
        index_(app_, env, out, [this](Verb verb) { verb_ = std::move(verb); }) {
    app_.set_version_flag("--version", std::string("tandem ") + kVersion);
    app_.failure_message([this](const CLI::App*, const CLI::Error& error) {
      const std::string verb = VerbError();
      const std::string what = verb.empty() ? error.what() : verb;
      return StrCat("tandem: ", what, Origin(variables_, what), " (--help says more)\n");
    });
    app_.require_subcommand(1);
    AddTrain();
    AddEvaluate();
    AddRecommend();
    AddPredict();
    AddInspect();
    AddHealth();
  }

  int Run(int argc, const char* const* argv, std::ostream& err) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    variables_ = serve_.AppendFromEnvironment(arguments);
    try {
      std::reverse(arguments.begin(), arguments.end());  // as the parser takes them
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, out_, err) == 0 ? 0 : 2;
    }
    const Status status = RunVerb();
    if (status.ok()) return 0;
    if (serve_.log_is_json()) {
      Log(LogLevel::kError, StrCat("tandem: ", status.message()));
    } else {
      err << "tandem: " << status.message() << '\n';
    }
    return 1;
  }

 private:
  // Exceptions of the standard library end here: what was asked for does not fit into memory.
  Status RunVerb() const {
    try {
      return verb_();
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
    return ResourceExhaustedError("out of memory; give it less at a time, or more memory");
  }

  // Where a verb is missing: what stands in its place, and which there are. Else nothing.
  std::string VerbError() const {
    const CLI::App* app = &app_;
    std::string verbs_of = "tandem";
    while (app->get_require_subcommand_min() > 0 && !app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      verbs_of += ' ' + app->get_name();
    }
    if (app->get_require_subcommand_min() == 0 || app->get_name().empty()) return "";
    std::string known;
    for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; })) {
      if (!verb->get_name().empty()) known += (known.empty() ? "" : ", ") + verb->get_name();
    }
    const std::vector<std::string> got = app_.remaining(/*recurse=*/true);
    return StrCat(got.empty() ? "" : "got '" + got[0] + "', ", "expected a verb of ", verbs_of,
                  ": ", known);
  }

  CLI::App* AddVerb(const char* name, const char* about, Verb verb) {
    CLI::App* app = app_.add_subcommand(name, about);
    app->callback([this, verb = std::move(verb)] { verb_ = verb; });
    return app;
  }

  void AddTrain() {
    CLI::App* app =
        AddVerb("train",
                "Train the model of a TOML config, evaluate it beside simple baselines, "
                "and write it as the next version of a base path",
                [this] { return Train(env_, train_, out_); });
    app->add_option("config", train_.config, "The config, e.g. examples/movielens/movielens.toml")
        ->required();
    app->add_option("--out", train_.out, "Base path of the bundles; DIR/1 is written, then DIR/2")
        ->required();
    app->add_option("--set", train_.settings, "Overrides one key of the config, e.g. seed=7")
        ->type_name("KEY=VALUE");
    app->add_option("--keep", train_.keep,
                    "Removes all but the newest N versions once the new one is there and opens")
        ->type_name("N")
        ->check(CLI::Range(1, std::numeric_limits<int>::max()));
    app->add_flag("--json", train_.json, "One JSON object a line: each epoch, then the metrics");
    app->add_flag(BothSpellings("--skip-bad-rows"), train_.skip_bad_rows,
                  "Count malformed rows instead of stopping at the first");
    app->add_option("--threads", train_.threads, "Threads to use; the result is the same with any")
        ->check(CLI::Range(0, 1024));
  }

  void AddEvaluate() {
    CLI::App* app = AddVerb("evaluate", "Accuracies and rating errors of a bundle on test rows",
                            [this] { return Evaluate(env_, evaluate_, out_); });
    app->add_option("bundle", evaluate_.bundle, "BUNDLE")->required();
    app->add_option("--test", evaluate_.test, "Lines of user<TAB>item<TAB>rating<TAB>time")
        ->required();
    app->add_option("--layout", evaluate_.layout, "Layout of the file, as data.layout in a config")
        ->capture_default_str();
    app->add_flag("--json", evaluate_.json, "The model's metrics as one JSON object");
  }

  void AddRecommend() {
    CLI::App* app = AddVerb("recommend", "The best items for one user, or for every known user",
                            [this] { return Recommend(env_, recommend_, out_); });
    app->add_option("bundle", recommend_.bundle, "BUNDLE")->required();
    CLI::Option_group* who = app->add_option_group("who");
    who->add_option("--user", recommend_.user, "A user id");
    who->add_flag(BothSpellings("--all-users"), recommend_.all_users,
                  "Every known user, a line each: user<TAB>item,item,...");
    who->require_option(1);
    app->add_option("-n", recommend_.n, "How many")->check(CLI::Range(1, 1000));
    app->add_flag(BothSpellings("--include-seen"), recommend_.include_seen,
                  "Do not leave out what the user has rated");
    app->add_option("--filter", recommend_.filter,
                    "Only items that pass, as in \"category = Comedy AND popularity >= 50\"");
    app->add_option("--out", recommend_.out, "A file to write instead of the terminal");
  }

  void AddPredict() {
    CLI::App* app = AddVerb("predict", "Predict the ratings of user and item pairs",
                            [this] { return Predict(env_, predict_, out_); });
    app->add_option("bundle", predict_.bundle, "BUNDLE")->required();
    app->add_option("--pairs", predict_.pairs, "Lines of user<TAB>item; more columns are ignored")
        ->required();
    app->add_option("--out", predict_.out, "A file to write instead of the terminal");
  }

  void AddInspect() {
    CLI::App* app = AddVerb("inspect", "Show what a bundle holds",
                            [this] { return Inspect(env_, inspect_, out_); });
    app->add_option("path", inspect_.path, "BUNDLE")->required();
  }

  void AddHealth() {
    CLI::App* app = AddVerb("health",
                            "Ask a server whether it is ready, as the health checks of containers "
                            "do: 0 where it is, else 1 and the reason",
                            [this] { return Health(health_, out_); });
    app->add_option("address", health_.address,
                    "Of the server's --metrics-port, or of the app itself")
        ->required()
        ->type_name("HOST:PORT");
    app->add_option("--timeout", health_.timeout_seconds, "Seconds to wait for its answer")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
  }

  Env& env_;
  std::ostream& out_;
  CLI::App app_;
  Verb verb_;
  std::vector<TakenVariable> variables_;  // flags that the environment gave
  ServeFlags serve_;
  IndexFlags index_;
  TrainOptions train_;
  EvaluateOptions evaluate_;
  RecommendOptions recommend_;
  PredictOptions predict_;
  InspectOptions inspect_;
  HealthOptions health_;
};

}  // namespace

int RunProgram(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  return Program(Env::Posix(), out).Run(argc, argv, err);
}

}  // namespace tandem::cli
