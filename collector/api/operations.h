#pragma once

#include <span>

#include "collector/pipeline.h"
#include "shared/http/server.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// Registers what operators and scripts ask for: GET /account, /dead-letters, /health, /health/live
// and /metrics (DESIGN 7). All must outlive the server. `unrouted` has the dead letters of no
// pipeline, which are listed under the pipeline name `tributary`.
void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines,
                         const Stream& unrouted, const Health& health, const Metrics& metrics);

// One line of JSON for one dead letter.
std::string dead_letter_json(const DeadLetter& letter);

}  // namespace tributary::collector
