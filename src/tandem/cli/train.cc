#include <unistd.h>

#include "tandem/base/parallel.h"
#include "tandem/bundle/writer.h"
#include "tandem/cli/config_reader.h"
#include "tandem/cli/report.h"
#include "tandem/cli/verbs.h"
#include "tandem/math/matmul.h"
#include "tandem/training/run.h"

namespace tandem::cli {

Status Train(Env& env, const TrainOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(training::TrainingConfig config,
                          ReadTrainingConfig(env, options.config, options.settings));
  config.data.skip_bad_rows = config.data.skip_bad_rows || options.skip_bad_rows;
  const size_t threads =
      options.threads > 0 ? static_cast<size_t>(options.threads) : AvailableProcessors();
  Workers workers(threads, math::InitWorkerThread);
  const bool terminal = !options.json && ::isatty(STDOUT_FILENO) != 0;

  training::RunObserver observer;
  if (options.json) {
    observer.on_epoch = [&out](const auto& report) { PrintEpochJson(report, out); };
    observer.on_metrics = [&out](const auto& table) { PrintMetricsJson(table.front(), out); };
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
  if (!options.json) {
    out << "wrote " << JoinPath(options.out, std::to_string(version)) << std::endl;
  }
  return {};
}

}  // namespace tandem::cli
