// The verbs of the program `tandem`. Each takes its parsed options, does its work through the
// rooms below and answers a Status; main.cc prints an error as one line and ends with 1.
// Output for people and scripts goes to `out`.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tandem/base/env.h"
#include "tandem/base/status.h"
#include "tandem/cli/log_sink.h"

namespace tandem::cli {

struct TrainOptions {
  std::string config;
  std::string out;                    // base path of the bundles
  std::vector<std::string> settings;  // --set key=value
  bool json = false;                  // one JSON object a line instead of a progress bar
  bool skip_bad_rows = false;
  int threads = 0;  // 0: all that this process may use
  int keep = 0;     // versions, of the newest; the others are removed then. 0: none is
};
Status Train(Env& env, const TrainOptions& options, std::ostream& out);

struct EvaluateOptions {
  std::string bundle;
  std::string test;            // interactions; their ratings are the truth
  std::string layout = "tsv";  // of the file, as data.layout in a config
  bool json = false;           // the model's metrics as one JSON object
};
Status Evaluate(Env& env, const EvaluateOptions& options, std::ostream& out);

struct RecommendOptions {
  std::string bundle;
  std::string user;        // one user, as a table of titles
  bool all_users = false;  // every known user, a line each: user<TAB>item,item,...
  bool include_seen = false;
  std::string filter;  // over category and popularity, see index/filter.h; empty: all items
  int n = 10;
  std::string out;  // file; empty: the terminal
};
Status Recommend(Env& env, const RecommendOptions& options, std::ostream& out);

struct PredictOptions {
  std::string bundle;
  std::string pairs;  // a line: user<TAB>item, more columns are ignored
  std::string out;    // a line: user<TAB>item<TAB>rating; empty: the terminal
};
Status Predict(Env& env, const PredictOptions& options, std::ostream& out);

struct InspectOptions {
  std::string path;
};
Status Inspect(Env& env, const InspectOptions& options, std::ostream& out);

struct HealthOptions {
  std::string address;  // HOST:PORT of a server's probes
  double timeout_seconds = 5;
};
// OK where that server is ready; its own words in either case.
Status Health(const HealthOptions& options, std::ostream& out);

inline constexpr char kDefaultModelName[] = "user_model";

// What both servers take.
struct ServingOptions {
  std::string address = "0.0.0.0";
  std::optional<int> metrics_port;  // of /metrics and of probes; none: no such listener
  LogFormat log_format = LogFormat::kText;
  double poll_seconds = 1;
  // On SIGTERM or SIGINT: answering on while load balancers notice, then time for what is in
  // flight.
  double shutdown_delay_seconds = 0;
  double drain_timeout_seconds = 30;
};

// Flags have TensorFlow Serving's names.
struct ServeModelOptions {
  std::string model_name;
  std::string model_base_path;
  int port = 8500;
  double max_connection_age_seconds = 1800;
  ServingOptions serving;
};
Status ServeModel(Env& env, const ServeModelOptions& options, std::ostream& out);

struct ServeAppOptions {
  std::string bundle;
  std::string model_server;  // host:port; empty: in process
  std::string model_name = kDefaultModelName;
  double model_server_timeout_seconds = 0.25;
  int port = 6000;
  int threads = 0;  // 0: as many as this process may use
  ServingOptions serving;
};
Status ServeApp(Env& env, const ServeAppOptions& options, std::ostream& out);

}  // namespace tandem::cli
