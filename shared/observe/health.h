#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/base/mutex.h"

namespace tributary {

struct HealthCheck {
  bool up = true;
  std::string detail;    // why it is down, or what is worth knowing; may be empty
  bool warning = false;  // up, but look at it
  bool hangs = false;    // down, and nothing but a new start will help
};

// The parts that a program needs to be up, each asked when somebody asks.
class Health {
 public:
  // `check` may be called from any thread, and must answer at once. One that throws is down.
  void add(const std::string& part, std::function<HealthCheck()> check);

  struct Report {
    bool up = true;
    std::map<std::string, HealthCheck> checks;
    // {"status": "up" or "down", "checks": {part: {"status", "warning"?: true, "detail"?}}}
    [[nodiscard]] std::string json() const;
  };
  [[nodiscard]] Report report() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::function<HealthCheck()>> checks_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary
