#pragma once

#include <expected>
#include <span>

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// The pipeline that the path names ("{pipeline}" in the route), the first one without a name; or
// the 404 to answer with, which names those that there are.
std::expected<Pipeline*, HttpResponse> find_pipeline(const HttpRequest& request,
                                                     std::span<Pipeline* const> pipelines);

}  // namespace tributary::collector
