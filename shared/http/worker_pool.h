#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

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

  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<Job> jobs_;
  bool stopped_ = false;
  const std::size_t waiting_max_;
  std::vector<std::jthread> threads_;
};

}  // namespace tributary
