#include "tandem/cli/program.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "tandem/base/env.h"
#include "tandem/cli/index_flags.h"
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
  Program(Env& env, std::ostream& out)
      : env_(env),
        out_(out),
        app_(kAbout, "tandem"),
        index_(app_, env, out, [this](Verb verb) { verb_ = std::move(verb); }) {
    app_.set_version_flag("--version", std::string("tandem ") + kVersion);
    app_.require_subcommand(1);
    AddTrain();
    AddEvaluate();
    AddRecommend();
    AddPredict();
    AddInspect();
    AddServeModel();
    AddServeApp();
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

  void AddServeModel() {
    CLI::App* app = AddVerb("serve-model",
                            "The model server: user id in, embedding out, over the gRPC protocol "
                            "of TensorFlow Serving (its flags have their names here too)",
                            [this] { return ServeModel(env_, serve_model_, out_); });
    app->add_option(BothSpellings("--model-base-path"), serve_model_.model_base_path,
                    "Base path of the bundles; its newest two good versions are kept loaded")
        ->required();
    app->add_option(BothSpellings("--model-name"), serve_model_.model_name, "Its name on the wire")
        ->capture_default_str();
    app->add_option("--port", serve_model_.port, "Port of gRPC; 0 takes any free one")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    AddServing(app, serve_model_.address, serve_model_.poll_seconds, serve_model_.stop);
  }

  void AddServeApp() {
    CLI::App* app =
        AddVerb("serve-app", "The recommender app: GET /recommend/<user_id> answers with titles",
                [this] { return ServeApp(env_, serve_app_, out_); });
    app->add_option("--bundle", serve_app_.bundle, "BUNDLE; newer versions of it are swapped in")
        ->required();
    app->add_option(BothSpellings("--model-server"), serve_app_.model_server,
                    "Asks this model server for the embeddings of users; without it, users are "
                    "encoded in process")
        ->type_name("HOST:PORT");
    app->add_option(BothSpellings("--model-name"), serve_app_.model_name,
                    "The model's name on that server")
        ->capture_default_str();
    app->add_option(BothSpellings("--model-server-timeout-seconds"),
                    serve_app_.model_server_timeout_seconds,
                    "Then the app encodes the user itself and marks the answer as degraded")
        ->check(CLI::Range(0.001, 60.0))
        ->capture_default_str();
    app->add_option("--port", serve_app_.port, "Port of HTTP; 0 takes any free one")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    app->add_option("--threads", serve_app_.threads, "Threads of HTTP; 0: one a processor")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    AddServing(app, serve_app_.address, serve_app_.poll_seconds, serve_app_.stop);
  }

  // What both servers take.
  static void AddServing(CLI::App* app, std::string& address, double& poll_seconds,
                         StopOptions& stop) {
    app->add_option("--address", address, "Numeric address to listen on")->capture_default_str();
    app->add_option(BothSpellings("--file-system-poll-wait-seconds"), poll_seconds,
                    "Between two looks for new versions")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
    app->add_option(BothSpellings("--stop-delay-seconds"), stop.delay_seconds,
                    "After SIGTERM: unready, but answering, for so long")
        ->check(CLI::Range(0.0, 3600.0))
        ->capture_default_str();
    app->add_option(BothSpellings("--stop-timeout-seconds"), stop.timeout_seconds,
                    "Then: for requests in flight to finish")
        ->check(CLI::Range(0.0, 3600.0))
        ->capture_default_str();
  }

  Env& env_;
  std::ostream& out_;
  CLI::App app_;
  Verb verb_;
  IndexFlags index_;
  TrainOptions train_;
  EvaluateOptions evaluate_;
  RecommendOptions recommend_;
  PredictOptions predict_;
  InspectOptions inspect_;
  ServeModelOptions serve_model_;
  ServeAppOptions serve_app_;
};

}  // namespace

int RunProgram(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  return Program(Env::Posix(), out).Run(argc, argv, err);
}

}  // namespace tandem::cli
