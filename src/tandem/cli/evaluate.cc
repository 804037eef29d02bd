#include "tandem/base/log.h"
#include "tandem/base/parallel.h"
#include "tandem/bundle/reader.h"
#include "tandem/cli/report.h"
#include "tandem/cli/verbs.h"
#include "tandem/training/data/layouts.h"
#include "tandem/training/data/reader.h"
#include "tandem/training/evaluation.h"

namespace tandem::cli {

Status Evaluate(Env& env, const EvaluateOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const data::Layout layout, data::PresetLayout(options.layout));
  TANDEM_ASSIGN_OR_RETURN(const auto bundle, bundle::Open(env, options.bundle));
  TANDEM_ASSIGN_OR_RETURN(const auto test,
                          data::ReadInteractions(env, options.test, layout.interactions));
  const int64_t trained_on = training::CountTrainedOn(*bundle, test.data);
  if (trained_on > 0) {
    Log(LogLevel::kWarning,
        StrCat(trained_on, " of the ", test.data.size(), " rows of ", options.test,
               " are in the histories that the bundle was trained on: acc@k counts them as misses, "
               "and RMSE and MAE are those of known ratings"));
  }
  Workers workers(AvailableProcessors());
  TANDEM_ASSIGN_OR_RETURN(const auto table, training::EvaluateBundle(*bundle, test.data, workers));
  if (options.json) {
    PrintMetricsJson(table.front(), out);
  } else {
    PrintMetricsTable(table, out);
  }
  return {};
}

}  // namespace tandem::cli
