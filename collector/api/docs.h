#pragma once

#include "shared/http/server.h"

namespace tributary::collector {

// Registers GET /docs, the page that shows /openapi.json (Swagger UI), with its files below it, and
// GET / which leads there.
void register_docs(HttpServer& server);

}  // namespace tributary::collector
