// What a change of a live index costs, and what searches cost before and after a merge.
//
//   build/bench/live_bench [items = 100000] [dimensions = 32] [changes = when a merge is due]
//
// Processor time of the calling thread, nothing else running: medians of single calls. Vectors are
// normal with a spread that falls from coordinate to coordinate, as those of recommenders do.
// Answers are compared: the same before and after the merge.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/base/rng.h"
#include "tandem/base/thread_annotations.h"
#include "tandem/index/live_index.h"
#include "tandem/index/published.h"

namespace {

using tandem::index::LiveIndex;
using tandem::index::Neighbor;

void OrDie(const tandem::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

double Microseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

// The median and the largest of n calls.
template <typename Call>
void Print(const char* what, int n, Call&& call) {
  std::vector<double> times;
  for (int i = 0; i < n; ++i) {
    const double begin = Microseconds(CLOCK_THREAD_CPUTIME_ID);
    call(i);
    times.push_back(Microseconds(CLOCK_THREAD_CPUTIME_ID) - begin);
  }
  std::sort(times.begin(), times.end());
  std::printf("%-44s %10.2f us, at most %.1f\n", what, times[times.size() / 2], times.back());
}

std::vector<float> Vectors(size_t n, size_t d, tandem::Rng rng) {
  std::vector<float> values(n * d);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = rng.Normal() / std::sqrt(1.0F + static_cast<float>(i % d));
  }
  return values;
}

using Answers = std::vector<std::vector<Neighbor>>;

Answers Search(const char* what, const LiveIndex& index, const std::vector<float>& queries) {
  const auto d = static_cast<size_t>(index.dimension());
  Answers answers;
  Print(what, static_cast<int>(queries.size() / d), [&](int i) {
    auto found = index.Search(std::span(queries).subspan(static_cast<size_t>(i) * d, d), 10);
    OrDie(found.status());
    answers.push_back(std::move(found).value());
  });
  return answers;
}

// What a search pays to take the present state, beside a mutex and a shared pointer.
void PrintReads() {
  constexpr int kReads = 1'000'000;
  const tandem::index::Published<int> cell(std::make_unique<int>(1));
  tandem::Mutex mutex;
  const auto shared = std::make_shared<const int>(1);
  // A process of one thread counts references without atomics.
  std::latch done(1);
  std::thread other([&done] { done.wait(); });
  int sum = 0;
  double begin = Microseconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kReads; ++i) sum += *cell.Read();
  const double hazard = Microseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  begin = Microseconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kReads; ++i) {
    std::shared_ptr<const int> copy;
    {
      tandem::MutexLock lock(mutex);
      copy = shared;
    }
    sum += *copy;
  }
  const double locked = Microseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  done.count_down();
  other.join();
  std::printf("take the state %.1f ns; a mutex and a shared pointer %.1f ns%s\n",
              hazard * 1e3 / kReads, locked * 1e3 / kReads, sum == 2 * kReads ? "" : " (wrong)");
}

}  // namespace

int main(int argc, char** argv) {
  const auto n = static_cast<size_t>(argc > 1 ? std::atol(argv[1]) : 100'000);
  const auto d = static_cast<size_t>(argc > 2 ? std::atol(argv[2]) : 32);
  const tandem::Rng rng(1);
  const std::vector<float> vectors = Vectors(n, d, rng.Fork("items"));
  const std::vector<float> queries = Vectors(500, d, rng.Fork("queries"));
  auto made = LiveIndex::Create(static_cast<int64_t>(d), {.merge_in_background = false});
  OrDie(made.status());
  LiveIndex& index = **made;
  std::vector<std::string> ids;
  for (size_t i = 0; i < n; ++i) ids.push_back(std::to_string(i));
  OrDie(index.Upsert(ids, vectors));
  OrDie(index.Flush());
  PrintReads();

  Search("search, nothing waiting", index, queries);  // to warm up
  Search("search, nothing waiting", index, queries);
  const auto full = argc > 3 ? std::atoi(argv[3]) : static_cast<int>(4096 + n / 128);
  const std::vector<float> more = Vectors(static_cast<size_t>(full), d, rng.Fork("more"));
  Print("upsert: half replaced, half new", full - 256, [&](int i) {
    const size_t id = i % 2 == 0 ? static_cast<size_t>(i) * 7919 % n : n + static_cast<size_t>(i);
    OrDie(index.Upsert(std::to_string(id), std::span(more).subspan(static_cast<size_t>(i) * d, d)));
  });
  Print("delete", 256,
        [&](int i) { OrDie(index.Delete(std::to_string(n + 2 * static_cast<size_t>(i) + 1))); });
  std::printf("%lld changes wait\n", static_cast<long long>(index.stats().pending));
  const Answers before = Search("search, these waiting", index, queries);
  Print("merge", 1, [&](int) { OrDie(index.Flush()); });
  const Answers after = Search("search, merged", index, queries);
  std::printf("answers are %s\n", before == after ? "the same" : "DIFFERENT");
  return before == after ? 0 : 1;
}
