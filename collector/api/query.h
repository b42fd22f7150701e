#pragma once

#include <span>

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// Registers GET /data, /aggregate and /sensors, each also with /{pipeline} behind it (DESIGN 7):
// what is in a pipeline's store, as pages of JSON or as one stream of NDJSON or CSV. The pipelines
// must outlive the server; the first is the one that a path without a pipeline means.
void register_queries(HttpServer& server, std::span<Pipeline* const> pipelines);

}  // namespace tributary::collector
