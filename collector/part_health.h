#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "shared/base/mutex.h"
#include "shared/observe/health.h"
#include "shared/observe/logging.h"

namespace tributary::collector {

// Whether one part of a pipeline works, as the part itself says; each change is a line of the log.
// Any thread.
class PartHealth {
 public:
  PartHealth(std::string_view component, std::string pipeline)
      : component_(component), pipeline_(std::move(pipeline)) {}

  void down(std::string detail) {
    const MutexLock lock(mutex_);
    if (check_.up) log_error(component_, detail, {{"pipeline", pipeline_}});
    check_ = {.up = false, .detail = std::move(detail)};
  }
  void up() {
    const MutexLock lock(mutex_);
    if (!check_.up) log_info(component_, "works again", {{"pipeline", pipeline_}});
    check_ = {};
  }
  [[nodiscard]] HealthCheck check() const {
    const MutexLock lock(mutex_);
    return check_;
  }

 private:
  const std::string_view component_;
  const std::string pipeline_;
  mutable Mutex mutex_;
  HealthCheck check_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary::collector
