#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/observe/logging.h"

namespace tributary {

// Keeps what fails again and again from flooding the log: of the lines with one key, one goes
// through in each interval; the next one that does says how many were held back. Any thread.
class LogLimiter {
 public:
  explicit LogLimiter(const Clock& clock,
                      std::chrono::milliseconds interval = std::chrono::seconds(30))
      : clock_(clock), interval_(interval) {}

  void line(std::string_view key, LogLevel level, std::string_view component,
            std::string_view message, std::initializer_list<LogField> fields = {});

 private:
  struct Seen {
    std::chrono::nanoseconds last;
    std::uint64_t held_back = 0;
  };

  const Clock& clock_;
  const std::chrono::milliseconds interval_;
  Mutex mutex_;
  std::map<std::string, Seen, std::less<>> seen_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary
