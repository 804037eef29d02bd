// A mutex, its scoped lock and a condition variable that clang's -Wthread-safety can check, and
// the macros that say which mutex guards what. On other compilers the macros are empty.
//
//   Mutex mutex_;
//   int count_ TANDEM_GUARDED_BY(mutex_) = 0;
//   void Grow() TANDEM_REQUIRES(mutex_);
//
// Attributes: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define TANDEM_THREAD_ATTRIBUTE_(x) __attribute__((x))
#else
#define TANDEM_THREAD_ATTRIBUTE_(x)
#endif

#define TANDEM_CAPABILITY(name) TANDEM_THREAD_ATTRIBUTE_(capability(name))
#define TANDEM_SCOPED_CAPABILITY TANDEM_THREAD_ATTRIBUTE_(scoped_lockable)
#define TANDEM_GUARDED_BY(mutex) TANDEM_THREAD_ATTRIBUTE_(guarded_by(mutex))
#define TANDEM_PT_GUARDED_BY(mutex) TANDEM_THREAD_ATTRIBUTE_(pt_guarded_by(mutex))
#define TANDEM_REQUIRES(...) TANDEM_THREAD_ATTRIBUTE_(requires_capability(__VA_ARGS__))
#define TANDEM_EXCLUDES(...) TANDEM_THREAD_ATTRIBUTE_(locks_excluded(__VA_ARGS__))
#define TANDEM_ACQUIRE(...) TANDEM_THREAD_ATTRIBUTE_(acquire_capability(__VA_ARGS__))
#define TANDEM_RELEASE(...) TANDEM_THREAD_ATTRIBUTE_(release_capability(__VA_ARGS__))

namespace tandem {

// Not recursive.
class TANDEM_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() TANDEM_ACQUIRE() { mutex_.lock(); }
  void Unlock() TANDEM_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a mutex from its construction to the end of its scope.
class TANDEM_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TANDEM_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() TANDEM_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may end early for no reason: wait in a loop that tests the condition.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mutex) TANDEM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();  // the caller still holds the mutex
  }
  // False where the time passed without a notification.
  bool WaitFor(Mutex& mutex, std::chrono::nanoseconds timeout) TANDEM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace tandem
