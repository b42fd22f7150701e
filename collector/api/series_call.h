#pragma once

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// GET /sensors: each series of a pipeline with its latest event.
void answer_series(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline);
HttpOperation series_operation();

}  // namespace tributary::collector
