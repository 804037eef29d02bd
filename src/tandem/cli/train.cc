#include <unistd.h>

#include "tandem/base/log.h"
#include "tandem/base/parallel.h"
#include "tandem/bundle/writer.h"
#include "tandem/cli/config_reader.h"
#include "tandem/cli/report.h"
#include "tandem/cli/verbs.h"
#include "tandem/training/run.h"

namespace tandem::cli {

namespace {

// The new version is there: that old ones stay is no failure of the training.
void RemoveOld(Env& env, const TrainOptions& options, std::ostream& out) {
  const Result<int64_t> removed = bundle::RemoveOldVersions(env, options.out, options.keep);
  if (!removed.ok()) {
    Log(LogLevel::kWarning, StrCat("old versions are not removed: ", removed.status()));
  } else if (!options.json && *removed > 0) {
    out << "removed " << *removed << " old versions" << std::endl;
  }
}

}  // namespace

Status Train(Env& env, const TrainOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(training::TrainingConfig config,
                          ReadTrainingConfig(env, options.config, options.settings));
  config.data.skip_bad_rows = config.data.skip_bad_rows || options.skip_bad_rows;
  const size_t threads =
      options.threads > 0 ? static_cast<size_t>(options.threads) : AvailableProcessors();
  Workers workers(threads);
  const bool terminal = !options.json && ::isatty(STDOUT_FILENO) != 0;

  // An output that cannot be written is told before the training, not after it.
  TANDEM_RETURN_IF_ERROR(bundle::CheckWritable(env, options.out));

  training::Metrics metrics;  // the last line of --json, after a second training too
  training::RunObserver observer;
  if (options.json) {
    observer.on_epoch = [&out](const auto& report) { PrintEpochJson(report, out); };
    observer.on_metrics = [&metrics](const auto& table) { metrics = table.front(); };
  } else {
    observer.on_phase = [&out](const std::string& phase) { out << phase << std::endl; };
    observer.on_metrics = [&out](const auto& table) { PrintMetricsTable(table, out); };
    if (terminal) {
      observer.on_epoch = [&out](const auto& report) { PrintProgressBar(report, out); };
    }
  }
  TANDEM_ASSIGN_OR_RETURN(const bundle::Bundle trained,
                          training::TrainBundle(env, config, workers, observer));
  TANDEM_ASSIGN_OR_RETURN(const int64_t version,
                          bundle::WriteNextVersion(env, options.out, trained));
  if (options.json) {
    PrintMetricsJson(metrics, out);
  } else {
    out << "wrote " << JoinPath(options.out, std::to_string(version)) << std::endl;
  }
  if (options.keep > 0) RemoveOld(env, options, out);
  return {};
}

}  // namespace tandem::cli
