#include "tandem/base/thread_annotations.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tandem {
namespace {

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value TANDEM_GUARDED_BY(mutex) = 0;
};

TEST(MutexTest, LetsOneThreadInAtATime) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int step = 0; step < 10'000; ++step) {
        MutexLock lock(counter.mutex);
        ++counter.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.value, 40'000);
}

TEST(CondVarTest, WaitWakesWithTheMutexHeld) {
  Counter counter;
  std::thread other([&counter] {
    {
      MutexLock lock(counter.mutex);
      counter.value = 1;
    }
    counter.changed.NotifyAll();
  });
  {
    MutexLock lock(counter.mutex);
    while (counter.value != 1) counter.changed.Wait(counter.mutex);
    counter.value = 2;
  }
  other.join();
}

TEST(CondVarTest, WaitForEndsWithoutANotification) {
  Counter counter;
  MutexLock lock(counter.mutex);
  // An early end for no reason is allowed; a hundred in a row are not.
  int tries = 0;
  while (counter.changed.WaitFor(counter.mutex, std::chrono::milliseconds(1))) {
    ASSERT_LT(++tries, 100);
  }
}

}  // namespace
}  // namespace tandem
