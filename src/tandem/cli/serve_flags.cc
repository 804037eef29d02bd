#include "tandem/cli/serve_flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "tandem/base/log.h"
#include "tandem/cli/flag_names.h"
#include "tandem/cli/log_sink.h"
#include "tandem/cli/verbs.h"

namespace tandem::cli {
namespace {

constexpr char kEnvironment[] =
    "Each flag can be given by the environment too, as TANDEM_<FLAG>: TANDEM_PORT=9000 is\n"
    "--port 9000. A flag wins.";
constexpr char kModelEnvironment[] =
    "As in TensorFlow Serving's image, MODEL_NAME is the default of --model-name, and\n"
    "$MODEL_BASE_PATH/$MODEL_NAME, else /models/$MODEL_NAME, that of --model-base-path.";

// What both servers take.
void AddServing(CLI::App* app, ServingOptions& serving) {
  app->add_option("--address", serving.address, "Numeric address to listen on")
      ->capture_default_str();
  app->add_option(BothSpellings("--metrics-port"), serving.metrics_port,
                  "Port of /metrics, /healthz and /readyz; none where it is not given")
      ->check(CLI::Range(0, 65535));
  app->add_option_function<std::string>(
         BothSpellings("--log-format"),
         [&serving](const std::string& name) {
           serving.log_format = name == "json" ? LogFormat::kJson : LogFormat::kText;
         },
         "text: lines on stderr, the default; json: one object a line on stdout")
      ->check(CLI::IsMember(std::vector<std::string>{"text", "json"}));
  app->add_option(BothSpellings("--file-system-poll-wait-seconds"), serving.poll_seconds,
                  "Between two looks for new versions")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app->add_option(BothSpellings("--shutdown-delay"), serving.shutdown_delay_seconds,
                  "After SIGTERM: not ready, but answering, for so many seconds")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app->add_option(BothSpellings("--drain-timeout"), serving.drain_timeout_seconds,
                  "Then: seconds for requests in flight to finish")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

// The defaults that TensorFlow Serving's image gives.
void FillFromModelEnvironment(ServeModelOptions& options) {
  const std::string name =
      FromEnvironment("MODEL_NAME")
          .value_or(options.model_name.empty() ? kDefaultModelName : options.model_name);
  if (options.model_name.empty()) options.model_name = name;
  if (options.model_base_path.empty()) {
    options.model_base_path =
        JoinPath(FromEnvironment("MODEL_BASE_PATH").value_or("/models"), name);
  }
}

}  // namespace

struct ServeFlags::Options {
  ServeModelOptions model;
  ServeAppOptions app;
  CLI::App* model_verb = nullptr;
  CLI::App* app_verb = nullptr;
  LogFormat log_format = LogFormat::kText;

  void UseLog(LogFormat format, std::ostream& out) {
    log_format = format;
    if (format == LogFormat::kJson) LogJsonTo(out);
    // One container's environment may hold the variables of both verbs.
    const std::string unknown = UnknownVariables({model_verb, app_verb});
    if (!unknown.empty()) {
      Log(LogLevel::kWarning,
          "of the environment, ignored because no flag has that name: " + unknown);
    }
  }

  void AddModelVerb(CLI::App& program) {
    CLI::App* verb = program.add_subcommand(
        "serve-model",
        "The model server: user id in, embedding out, over the gRPC protocol of TensorFlow "
        "Serving (its flags have their names here too)");
    verb->footer(std::string(kEnvironment) + "\n" + kModelEnvironment);
    verb->add_option(BothSpellings("--model-base-path"), model.model_base_path,
                     "Base path of the bundles; its newest two good versions are kept loaded");
    verb->add_option(
        BothSpellings("--model-name"), model.model_name,
        std::string("Its name on the wire; ") + kDefaultModelName + " where nothing says another");
    verb->add_option("--port", model.port, "Port of gRPC; 0 takes any free one")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    verb->add_option(BothSpellings("--max-connection-age"), model.max_connection_age_seconds,
                     "Seconds after which a client is asked to connect anew, so that it finds new "
                     "replicas")
        ->check(CLI::Range(1.0, 1e6))
        ->capture_default_str();
    AddServing(verb, model.serving);
    model_verb = verb;
  }

  void AddAppVerb(CLI::App& program) {
    CLI::App* verb = program.add_subcommand(
        "serve-app", "The recommender app: GET /recommend/<user_id> answers with titles");
    verb->footer(kEnvironment);
    verb->add_option("--bundle", app.bundle, "BUNDLE; newer versions of it are swapped in")
        ->required();
    verb->add_option(BothSpellings("--model-server"), app.model_server,
                     "Asks this model server for the embeddings of users; without it, users are "
                     "encoded in process")
        ->type_name("HOST:PORT");
    verb->add_option(BothSpellings("--model-name"), app.model_name,
                     "The model's name on that server")
        ->capture_default_str();
    verb->add_option(BothSpellings("--model-server-timeout-seconds"),
                     app.model_server_timeout_seconds,
                     "Then the app encodes the user itself and marks the answer as degraded")
        ->check(CLI::Range(0.001, 60.0))
        ->capture_default_str();
    verb->add_option("--port", app.port, "Port of HTTP; 0 takes any free one")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    verb->add_option("--threads", app.threads, "Threads of HTTP; 0: one a processor")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    AddServing(verb, app.serving);
    app_verb = verb;
  }
};

ServeFlags::ServeFlags(CLI::App& program, Env& env, std::ostream& out,
                       std::function<void(std::function<Status()>)> chosen)
    : options_(std::make_unique<Options>()) {
  Options* const all = options_.get();
  all->AddModelVerb(program);
  all->model_verb->callback([all, chosen, &env, &out] {
    chosen([all, &env, &out] {
      FillFromModelEnvironment(all->model);
      all->UseLog(all->model.serving.log_format, out);
      return ServeModel(env, all->model, out);
    });
  });
  all->AddAppVerb(program);
  all->app_verb->callback([all, chosen = std::move(chosen), &env, &out] {
    chosen([all, &env, &out] {
      all->UseLog(all->app.serving.log_format, out);
      return ServeApp(env, all->app, out);
    });
  });
}

ServeFlags::~ServeFlags() = default;

std::vector<TakenVariable> ServeFlags::AppendFromEnvironment(
    std::vector<std::string>& arguments) const {
  for (const CLI::App* verb : {options_->model_verb, options_->app_verb}) {
    if (!arguments.empty() && arguments.front() == verb->get_name()) {
      return cli::AppendFromEnvironment(*verb, arguments);
    }
  }
  return {};
}

bool ServeFlags::log_is_json() const { return options_->log_format == LogFormat::kJson; }

}  // namespace tandem::cli
