#pragma once

#include <memory>

#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// Carries one pipeline's events from its stream into its store, batch by batch; while one is
// written the next is read and decoded. Every record comes to one end (Outcome) before its batch is
// settled; what can't be stored is durable among the dead letters by then. Batches are written and
// settled in their order. While the store is down it waits, with backoff, and settles nothing.
class Persister {
 public:
  // `pipeline` must outlive this. Starts its threads.
  static std::unique_ptr<Persister> start(Pipeline& pipeline, const Clock& clock, Metrics& metrics);
  virtual ~Persister() = default;  // stop()

  // Settles what is being written if that ends within seconds; the rest comes again at the next
  // start.
  virtual void stop() = 0;
  virtual HealthCheck health() const = 0;
};

}  // namespace tributary::collector
