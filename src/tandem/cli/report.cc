#include "tandem/cli/report.h"

#include <algorithm>
#include <iomanip>
#include <optional>
#include <sstream>

#include "tandem/format/json_writer.h"
#include "tandem/training/metric/top_k_accuracy.h"

namespace tandem::cli {
namespace {

constexpr int kNameWidth = 16;
constexpr int kColumnWidth = 9;

// "-" where there is no value.
std::string Number(std::optional<double> value) {
  if (!value) return "-";
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << *value;
  return text.str();
}

std::optional<double> At(const std::vector<double>& values, size_t place) {
  if (place >= values.size()) return std::nullopt;
  return values[place];
}

}  // namespace

void PrintProgressBar(const training::EpochReport& report, std::ostream& out) {
  constexpr int64_t kCells = 30;
  const int64_t filled = kCells * report.epoch / std::max<int64_t>(report.epochs, 1);
  std::ostringstream line;
  line << "\r[" << std::string(static_cast<size_t>(filled), '=')
       << std::string(static_cast<size_t>(kCells - filled), ' ') << "] epoch " << report.epoch
       << "/" << report.epochs << "  loss " << std::fixed << std::setprecision(4) << report.loss
       << "  " << std::setprecision(0) << report.samples_per_second << " samples/s   ";
  out << line.str() << (report.epoch == report.epochs ? "\n" : "") << std::flush;
}

void PrintEpochJson(const training::EpochReport& report, std::ostream& out) {
  out << "{\"epoch\":" << report.epoch << ",\"samples_per_second\":" << report.samples_per_second
      << ",\"loss\":" << report.loss << "}" << std::endl;
}

void PrintMetricsTable(const std::vector<training::Metrics>& table, std::ostream& out) {
  out << std::left << std::setw(kNameWidth) << "" << std::right;
  for (const int64_t k : metric::kUsualKs) out << std::setw(kColumnWidth) << StrCat("acc@", k);
  out << std::setw(kColumnWidth) << "RMSE" << std::setw(kColumnWidth) << "MAE" << '\n';
  for (const training::Metrics& row : table) {
    out << std::left << std::setw(kNameWidth) << row.name << std::right;
    for (size_t i = 0; i < std::size(metric::kUsualKs); ++i) {
      out << std::setw(kColumnWidth) << Number(At(row.accuracy, i));
    }
    out << std::setw(kColumnWidth) << Number(row.rmse) << std::setw(kColumnWidth) << Number(row.mae)
        << '\n';
  }
  out << "acc@k: share of test interactions among the k best of the whole catalogue, "
         "training items left out\n"
      << std::flush;
}

void PrintMetricsJson(const training::Metrics& model, std::ostream& out) {
  std::string line = "{";
  for (const auto& [name, value] : training::ModelMetrics(model)) {
    if (line.size() > 1) line += ',';
    format::AppendJsonString(line, name);
    line += ':';
    format::AppendJsonNumber(line, value);
  }
  out << line << "}" << std::endl;
}

}  // namespace tandem::cli
