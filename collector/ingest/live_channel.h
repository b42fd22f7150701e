#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/bounded_queue.h"

namespace tributary::collector {

// Records that one pipeline accepted, as they were sent.
struct LiveBatch {
  std::size_t pipeline = 0;
  std::vector<std::string> records{};
};

// Where ingest shows what a pipeline accepts. Any thread; it costs one load while nobody looks on.
class LiveChannel {
 public:
  // What is put goes into `queue`, which must outlive this, under the number `pipeline`.
  LiveChannel(BoundedQueue<LiveBatch>& queue, std::size_t pipeline)
      : queue_(queue), pipeline_(pipeline) {}

  // Whether anybody looks on. While nobody does put() need not be called.
  [[nodiscard]] bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }
  void set_wanted(bool wanted) { wanted_ = wanted; }

  // Copies them; never waits: what the queue has no room for is only counted.
  void put(std::span<const std::string_view> records);
  // How many were not taken since the last call.
  std::uint64_t take_missed() { return missed_.exchange(0); }

 private:
  BoundedQueue<LiveBatch>& queue_;
  const std::size_t pipeline_;
  std::atomic<bool> wanted_ = false;
  std::atomic<std::uint64_t> missed_ = 0;
};

}  // namespace tributary::collector
