#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "shared/base/clock.h"

namespace tributary::test {

// Stands still until told to go on. Any thread.
class FakeClock final : public Clock {
 public:
  Timestamp now() const override {
    return Timestamp::from_unix_nanoseconds(1'769'000'000'000'000'000 + time_.load());
  }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::nanoseconds(time_.load());
  }
  void advance(std::chrono::nanoseconds by) { time_ += by.count(); }

 private:
  std::atomic<std::int64_t> time_ = 1'000'000'000'000;
};

}  // namespace tributary::test
