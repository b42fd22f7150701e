#pragma once

#include "shared/front/settings.h"
#include "shared/http/server.h"
#include "shared/observe/metrics.h"

namespace tributary {

// Makes the server tell what it does: errors and, if wanted, each answer to the log (component
// "http"), durations of routes and refusals to the metrics. `metrics` outlives every responder.
void observe_http(HttpServerOptions& options, const FrontSettings& settings, Metrics& metrics);

// The gauge of open connections. `server` outlives the last scrape.
void observe_connections(const HttpServer& server, Metrics& metrics);

}  // namespace tributary
