#include "shared/http/worker_pool.h"

#include <limits>
#include <utility>

namespace tributary {

WorkerPool::WorkerPool(std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back("http-worker", [this](const std::stop_token& stop) { run(stop); });
  }
}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::try_push(Job&& job) { return push_below(waiting_max_, std::move(job)); }

bool WorkerPool::push(Job&& job) {
  return push_below(std::numeric_limits<std::size_t>::max(), std::move(job));
}

bool WorkerPool::push_below(std::size_t waiting_max, Job&& job) {
  const MutexLock lock(mutex_);
  if (stopped_ || jobs_.size() >= waiting_max) return false;
  jobs_.push_back(std::move(job));
  ready_.notify_one();
  return true;
}

void WorkerPool::stop() {
  std::deque<Job> dropped;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(jobs_);
  }
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void WorkerPool::run(const std::stop_token& stop) {
  while (true) {
    Job job;
    {
      MutexLock lock(mutex_);
      if (!ready_.wait(lock, stop, [this]() TRIBUTARY_REQUIRES(mutex_) { return !jobs_.empty(); }))
        return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace tributary
