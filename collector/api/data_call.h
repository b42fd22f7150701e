#pragma once

#include "collector/pipeline.h"
#include "shared/http/server.h"

namespace tributary::collector {

// GET /data: the events of a pipeline, chosen by time and fields, in the order of time.
void answer_data(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline);
HttpOperation data_operation();

}  // namespace tributary::collector
