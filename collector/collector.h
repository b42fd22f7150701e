#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "collector/config.h"
#include "shared/base/clock.h"
#include "shared/io/file_system.h"
#include "shared/observe/health.h"

namespace tributary::collector {

// The collector, running: opens the pipelines, starts their persisters, listens. main() owns one.
class Collector {
 public:
  // Errors say what to do. Both must outlive it.
  static Result<std::unique_ptr<Collector>> start(Config config, FileSystem& files,
                                                  const Clock& clock);
  virtual ~Collector() = default;

  // Takes nothing new, makes what was taken durable and stored, and ends. False when something was
  // left in a stream after `time`: it is stored after the next start.
  virtual bool stop(std::chrono::milliseconds time) = 0;
  virtual std::vector<std::string> addresses() const = 0;
  virtual const Health& health() const = 0;
};

}  // namespace tributary::collector
