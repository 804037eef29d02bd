#include "tandem/cli/program.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "tandem/base/env.h"
#include "tandem/cli/verbs.h"
#include "tandem/cli/version.h"

namespace tandem::cli {
namespace {

constexpr char kAbout[] =
    "tandem trains recommenders on ratings and answers with titles.\n"
    "A trained model is a bundle: a directory that holds everything that changes an answer.\n"
    "BUNDLE is a base path (its newest good version is used) or one version's directory.";

using Verb = std::function<Status()>;

// Flags take '-' and '_' alike: "--skip-bad-rows" is known as "--skip_bad_rows" too.
std::string BothSpellings(const std::string& flag) {
  std::string other = flag;
  for (size_t i = 2; i < other.size(); ++i) {
    if (other[i] == '-') other[i] = '_';
  }
  return other == flag ? flag : flag + "," + other;
}

class Program {
 public:
  Program(Env& env, std::ostream& out) : env_(env), out_(out), app_(kAbout, "tandem") {
    app_.set_version_flag("--version", std::string("tandem ") + kVersion);
    app_.require_subcommand(1);
    AddTrain();
    AddRecommend();
    AddPredict();
    AddInspect();
  }

  int Run(int argc, const char* const* argv, std::ostream& err) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, out_, err) == 0 ? 0 : 2;
    }
    const Status status = verb_();
    if (status.ok()) return 0;
    err << "tandem: " << status.message() << '\n';
    return 1;
  }

 private:
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
    app->add_flag("--json", train_.json, "One JSON object a line: each epoch, then the metrics");
    app->add_flag(BothSpellings("--skip-bad-rows"), train_.skip_bad_rows,
                  "Count malformed rows instead of stopping at the first");
    app->add_option("--threads", train_.threads, "Threads to use; the result is the same with any")
        ->check(CLI::Range(0, 1024));
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

  Env& env_;
  std::ostream& out_;
  CLI::App app_;
  Verb verb_;
  TrainOptions train_;
  RecommendOptions recommend_;
  PredictOptions predict_;
  InspectOptions inspect_;
};

}  // namespace

int RunProgram(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  return Program(Env::Posix(), out).Run(argc, argv, err);
}

}  // namespace tandem::cli
