#pragma once

#include <span>

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// Registers GET /data and /data/{pipeline} (DESIGN 7): events of a pipeline's store by time, series
// and fields, as pages of JSON or as one stream of NDJSON. The pipelines must outlive the server;
// the first is the one of /data.
void register_queries(HttpServer& server, std::span<Pipeline* const> pipelines);

}  // namespace tributary::collector
