#pragma once

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// GET /aggregate: what the numbers of a pipeline's events come to, in buckets of time.
void answer_aggregate(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline);
HttpOperation aggregate_operation();

}  // namespace tributary::collector
