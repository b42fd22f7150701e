#pragma once

#include <chrono>
#include <cstdint>

#include "shared/base/timestamp.h"

namespace tributary {

// Where time comes from, so that tests can replace it. Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;                       // the wall clock, UTC; may jump
  virtual std::chrono::nanoseconds monotonic() const = 0;  // since boot; never goes back
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  std::chrono::nanoseconds monotonic() const override;
};

}  // namespace tributary
