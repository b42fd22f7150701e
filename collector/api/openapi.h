#pragma once

#include <span>
#include <string>

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// The OpenAPI 3.1 document of these routes, as JSON. A route with `{pipeline}` in its pattern
// becomes one path for each pipeline, described with its schema; one without means the first
// pipeline. `tokens`: the server asks for a token where a route has a scope.
std::string openapi_json(std::span<const HttpRoute> routes, std::span<Pipeline* const> pipelines,
                         bool tokens);

// Registers GET /openapi.json, of all routes there are when it is called and of itself. Last of
// all, before the server starts.
void register_openapi(HttpServer& server, std::span<Pipeline* const> pipelines, bool tokens);

}  // namespace tributary::collector
