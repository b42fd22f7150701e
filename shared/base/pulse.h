#pragma once

#include <atomic>
#include <chrono>

#include "shared/base/clock.h"

namespace tributary {

// Tells whether a thread that works in rounds still comes round. The thread makes a Round for each,
// around what is to come to an end, not around its waiting for work. busy() is for any thread.
class Pulse {
 public:
  explicit Pulse(const Clock& clock) : clock_(clock) {}

  class Round {
   public:
    explicit Round(Pulse& pulse) : pulse_(pulse) {
      pulse_.since_ = pulse_.clock_.monotonic().count();
    }
    ~Round() { pulse_.since_ = kResting; }
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;

   private:
    Pulse& pulse_;
  };

  // With the present round; zero between rounds.
  [[nodiscard]] std::chrono::nanoseconds busy() const {
    const auto since = since_.load();
    if (since == kResting) return std::chrono::nanoseconds::zero();
    return clock_.monotonic() - std::chrono::nanoseconds(since);
  }

 private:
  static constexpr std::chrono::nanoseconds::rep kResting = -1;

  const Clock& clock_;
  std::atomic<std::chrono::nanoseconds::rep> since_ = kResting;
};

}  // namespace tributary
