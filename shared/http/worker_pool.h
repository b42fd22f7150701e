#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/base/thread.h"

namespace tributary {

// The threads on which handlers may block and streams make their pieces. Any thread may push; the
// owner stops it.
class WorkerPool {
 public:
  using Job = std::move_only_function<void()>;

  // `waiting_max`: how many jobs of try_push() may wait for a free thread.
  WorkerPool(std::size_t threads, std::size_t waiting_max);
  ~WorkerPool();  // stop()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // New work: false, and `job` untouched, when too much is waiting or the pool is stopped.
  bool try_push(Job&& job);
  // The next step of work that was let in before: false, and `job` untouched, only when stopped.
  bool push(Job&& job);
  // Waits for the jobs being run; drops those that wait.
  void stop();

 private:
  void run(const std::stop_token& stop);
  bool push_below(std::size_t waiting_max, Job&& job);

  Mutex mutex_;
  Condition ready_;
  std::deque<Job> jobs_ TRIBUTARY_GUARDED_BY(mutex_);
  bool stopped_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  const std::size_t waiting_max_;
  std::vector<Thread> threads_;
};

}  // namespace tributary
