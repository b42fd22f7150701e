#pragma once

#include <span>

#include "collector/pipeline.h"
#include "shared/http/server.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// Registers what operators and scripts ask for: GET /account, /health, /health/live and /metrics
// (DESIGN 7). All must outlive the server.
void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines,
                         const Health& health, const Metrics& metrics);

}  // namespace tributary::collector
