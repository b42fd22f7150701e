#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

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
    const std::lock_guard lock(mutex_);
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
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, stop, wait, [this] { return !items_.empty(); });
    while (!items_.empty() && taken.size() < most) {
      used_ -= items_.front().second;
      taken.push_back(std::move(items_.front().first));
      items_.pop_front();
    }
    return taken;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::pair<T, std::size_t>> items_;
  std::size_t used_ = 0;
  const std::size_t capacity_;
};

}  // namespace tributary
