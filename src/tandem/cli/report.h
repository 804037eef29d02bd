// How training tells what it does: a progress bar, a table, or a JSON object a line.
#pragma once

#include <ostream>
#include <vector>

#include "tandem/training/evaluation.h"
#include "tandem/training/trainer.h"

namespace tandem::cli {

// Over itself on one line of a terminal; ends the line after the last epoch.
void PrintProgressBar(const training::EpochReport& report, std::ostream& out);

// {"epoch":1,"samples_per_second":...,"loss":...}
void PrintEpochJson(const training::EpochReport& report, std::ostream& out);

// The model beside the baselines, a row each.
void PrintMetricsTable(const std::vector<training::Metrics>& table, std::ostream& out);

// {"acc@10":...,"RMSE":...}: the model's metrics, in full precision.
void PrintMetricsJson(const training::Metrics& model, std::ostream& out);

}  // namespace tandem::cli
