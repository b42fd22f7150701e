#include "shared/observe/log_limiter.h"

#include <optional>

namespace tributary {
namespace {

constexpr std::size_t kKeysMax = 1000;

}  // namespace

void LogLimiter::line(std::string_view key, LogLevel level, std::string_view component,
                      std::string_view message, std::initializer_list<LogField> fields) {
  std::uint64_t held_back = 0;
  {
    const MutexLock lock(mutex_);
    const auto now = clock_.monotonic();
    const auto seen = seen_.find(key);
    if (seen == seen_.end()) {
      if (seen_.size() >= kKeysMax) seen_.erase(seen_.begin());
      seen_.emplace(key, Seen{now, 0});
    } else if (now - seen->second.last < interval_) {
      ++seen->second.held_back;
      return;
    } else {
      held_back = seen->second.held_back;
      seen->second = {now, 0};
    }
  }
  if (held_back == 0) return log_line(level, component, message, fields);
  log_line(level, component,
           std::string(message) + " (" + std::to_string(held_back) + " more like this)", fields);
}

}  // namespace tributary
