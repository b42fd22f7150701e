#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "shared/base/scheduler.h"
#include "shared/base/thread_safety.h"

namespace tributary {

// The locks and waits of all our code: those of the standard library, with the annotations that
// clang's analysis needs, and with the one seam where a simulation decides who runs (Scheduler).
class TRIBUTARY_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  void lock() TRIBUTARY_THREAD_SAFETY(acquire_capability()) {
    if (auto* simulated = scheduler()) return lock_in(*simulated);
    mutex_.lock();
  }
  void unlock() TRIBUTARY_THREAD_SAFETY(release_capability()) {
    mutex_.unlock();
    if (auto* simulated = scheduler()) simulated->wake(this);
  }

 private:
  void lock_in(Scheduler& simulated) {
    while (!mutex_.try_lock()) simulated.wait(this, Scheduler::kNever);
  }

  std::mutex mutex_;
};

// Holds a mutex until its end; unlock() and lock() in between let others have it for a while.
class TRIBUTARY_THREAD_SAFETY(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TRIBUTARY_THREAD_SAFETY(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() TRIBUTARY_THREAD_SAFETY(release_capability()) {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() TRIBUTARY_THREAD_SAFETY(acquire_capability()) {
    mutex_.lock();
    held_ = true;
  }
  void unlock() TRIBUTARY_THREAD_SAFETY(release_capability()) {
    held_ = false;
    mutex_.unlock();
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// What a thread waits for with its lock let go. Every wait has a predicate, which is called with
// the lock held (a lambda says so: `[this]() TRIBUTARY_REQUIRES(mutex_) { … }`), and ends when that
// is true, when the time is over or when a stop is asked for. The analysis doesn't see that the
// caller's lock and the predicate's mutex are one.
class Condition {
 public:
  void notify_one() { notify_all_or_one(false); }
  void notify_all() { notify_all_or_one(true); }

  template <class Predicate>
  void wait(MutexLock& lock, Predicate predicate) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {
    if (auto* simulated = scheduler()) {
      wait_in(*simulated, lock, {}, Scheduler::kNever, predicate);
    } else {
      condition_.wait(lock, predicate);
    }
  }

  // All of these return predicate().
  template <class Predicate>
  bool wait(MutexLock& lock, const std::stop_token& stop,
            Predicate predicate) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {
    if (auto* simulated = scheduler()) {
      return wait_in(*simulated, lock, stop, Scheduler::kNever, predicate);
    }
    return condition_.wait(lock, stop, predicate);
  }

  template <class Predicate>
  bool wait_for(MutexLock& lock, std::chrono::nanoseconds time,
                Predicate predicate) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {
    return wait_for(lock, std::stop_token(), time, predicate);
  }

  template <class Predicate>
  bool wait_for(MutexLock& lock, const std::stop_token& stop, std::chrono::nanoseconds time,
                Predicate predicate) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {
    // A clock can add it up.
    time = std::min<std::chrono::nanoseconds>(time, std::chrono::hours(24));
    if (auto* simulated = scheduler()) {
      return wait_in(*simulated, lock, stop, simulated->now() + time, predicate);
    }
    return condition_.wait_for(lock, stop, time, predicate);
  }

 private:
  void notify_all_or_one(bool all) {
    if (auto* simulated = scheduler()) return simulated->wake(this);
    all ? condition_.notify_all() : condition_.notify_one();
  }

  template <class Predicate>
  bool wait_in(Scheduler& simulated, MutexLock& lock, const std::stop_token& stop,
               Scheduler::Time deadline, Predicate& predicate) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {
    const std::stop_callback at_stop(stop, [&] { simulated.wake(this); });
    while (!predicate()) {
      if (stop.stop_requested() || simulated.now() >= deadline) return predicate();
      lock.unlock();
      simulated.wait(this, deadline);
      lock.lock();
    }
    return true;
  }

  std::condition_variable_any condition_;
};

}  // namespace tributary
