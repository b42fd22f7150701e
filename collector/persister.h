#pragma once

#include <memory>

#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// Carries one pipeline's events from its stream into its store: one thread, batch by batch. Every
// record comes to one end (Outcome) before its batch is settled; what can't be stored is durable
// among the dead letters by then. While the store is down it waits, with backoff, and settles
// nothing.
class Persister {
 public:
  // `pipeline` must outlive this. Starts its thread.
  static std::unique_ptr<Persister> start(Pipeline& pipeline, const Clock& clock, Metrics& metrics);
  virtual ~Persister() = default;  // stop()

  // Ends at the next pause between two steps; what is not settled comes again at the next start.
  virtual void stop() = 0;
  virtual HealthCheck health() const = 0;
};

}  // namespace tributary::collector
