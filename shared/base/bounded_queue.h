#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "shared/base/mutex.h"

namespace tributary {

// A queue between threads that never holds more than `capacity` units of weight (events, bytes:
// the caller's choice). One item over the capacity is let in when the queue is empty, so that
// nothing is too large to ever pass. Any thread may call anything.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False, and `item` untouched, when there is no room.
  bool try_push(T&& item, std::size_t weight = 1) {
    const MutexLock lock(mutex_);
    if (!items_.empty() && used_ + weight > capacity_) return false;
    used_ += weight;
    items_.emplace_back(std::move(item), weight);
    ready_.notify_one();
    return true;
  }

  // All that is there, oldest first, up to `most` items; waits for the first one until `wait` is
  // over or a stop is asked for, and is empty then.
  std::vector<T> pop(std::size_t most, std::chrono::milliseconds wait,
                     const std::stop_token& stop) {
    std::vector<T> taken;
    MutexLock lock(mutex_);
    ready_.wait_for(lock, stop, wait,
                    [this]() TRIBUTARY_REQUIRES(mutex_) { return !items_.empty(); });
    while (!items_.empty() && taken.size() < most) {
      used_ -= items_.front().second;
      taken.push_back(std::move(items_.front().first));
      items_.pop_front();
    }
    return taken;
  }

  [[nodiscard]] std::size_t size() const {
    const MutexLock lock(mutex_);
    return items_.size();
  }

 private:
  mutable Mutex mutex_;
  Condition ready_;
  std::deque<std::pair<T, std::size_t>> items_ TRIBUTARY_GUARDED_BY(mutex_);
  std::size_t used_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  const std::size_t capacity_;
};

}  // namespace tributary
