// Times the parts of a training step beside their bare matrix products, on 1 and 2 threads, after
// checking both losses against their formulas. Arguments are Google Benchmark's; the names are
// <part>/<threads>, each with a counter FLOPS, and the context tells q, m and the kernels' target.
//
// Exits with 1 where a loss is wrong.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "step_problem.h"
#include "tandem/math/kernels.h"

namespace tandem::bench {
namespace {

// |got - want| <= 1e-4 |want|: sums of 8192 floats round by less.
bool Equal(const char* what, double got, double want) {
  if (std::abs(got - want) <= 1e-4 * std::abs(want)) return true;
  std::fprintf(stderr, "step_bench: the loss of %s is %.9g, expected %.9g\n", what, got, want);
  return false;
}

// A whole step has no naive counterpart here; twenty of them must bring the loss down.
bool Learns(StepProblem& problem) {
  const double first = static_cast<double>(problem.Step());
  for (int i = 0; i < 19; ++i) problem.Step();
  const double last = static_cast<double>(problem.Step());
  if (last < first) return true;
  std::fprintf(stderr, "step_bench: the loss went from %.9g to %.9g\n", first, last);
  return false;
}

template <typename Run>
void Register(const std::string& name, size_t threads, double flops, Run run) {
  benchmark::RegisterBenchmark((name + "/" + std::to_string(threads)).c_str(),
                               [run, flops](benchmark::State& state) {
                                 for (auto _ : state) run();
                                 state.counters["FLOPS"] = benchmark::Counter(
                                     flops, benchmark::Counter::kIsIterationInvariantRate);
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::vector<std::unique_ptr<Workers>> workers;
  std::vector<std::unique_ptr<StepProblem>> problems;
  for (const size_t threads : {size_t{1}, size_t{2}}) {
    workers.push_back(std::make_unique<Workers>(threads));
    problems.push_back(std::make_unique<StepProblem>(*workers.back()));
    StepProblem* const p = problems.back().get();
    if (!Equal("the softmax", static_cast<double>(p->Softmax()), p->NaiveSoftmax()) ||
        !Equal("the rating MLP", static_cast<double>(p->RatingMlp()), p->NaiveRatingMlp()) ||
        !Learns(*p)) {
      return 1;
    }
    Register("softmax", threads, p->SoftmaxFlops(), [p] { p->Softmax(); });
    Register("softmax_products", threads, p->SoftmaxFlops(), [p] { p->SoftmaxProducts(); });
    Register("mlp", threads, p->MlpFlops(), [p] { p->RatingMlp(); });
    Register("mlp_products", threads, p->MlpFlops(), [p] { p->MlpProducts(); });
    Register("step", threads, p->SoftmaxFlops() + p->MlpFlops(), [p] { p->Step(); });
  }
  benchmark::AddCustomContext("users", std::to_string(problems[0]->users()));
  benchmark::AddCustomContext("items", std::to_string(problems[0]->items()));
  benchmark::AddCustomContext("kernels", std::string(math::TargetName()));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace tandem::bench

int main(int argc, char** argv) { return tandem::bench::Main(argc, argv); }
