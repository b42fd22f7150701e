#pragma once

#include <chrono>
#include <memory>
#include <span>

#include "collector/config.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/http/server.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// POST /ingest[/<pipeline>] (DESIGN 7). Requests wait in a queue that is bounded in bytes; one
// thread takes them, validates and appends their records, and answers each when its last record is
// durable. Many requests share one commit; no thread waits for one request.
class HttpIngest {
 public:
  // Registers its routes and starts its thread. All must outlive this; stop the server first.
  static std::unique_ptr<HttpIngest> start(const Config::Http& config,
                                           std::span<Pipeline* const> pipelines, HttpServer& server,
                                           const Clock& clock, Metrics& metrics);
  virtual ~HttpIngest() = default;  // stop()

  // What isn't durable within `time` from now is answered 503, whatever comes. Before the server
  // stops, which waits for answers.
  virtual void finish(std::chrono::milliseconds time) = 0;
  // Ends at once. The server was stopped before, and waited for answers then: whoever has none
  // sends again.
  virtual void stop() = 0;
};

}  // namespace tributary::collector
