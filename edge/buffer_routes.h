#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "shared/http/server.h"

namespace tributary::edge {

// GET /buffer: how full the buffers are, as JSON, or with format=table for people. GET
// /buffer/export: what waits in them as NDJSON (BufferExport), that of pipeline=NAME alone; with
// report=true an empty line and BufferExport::report() follow, so that its reader knows that it is
// whole. The buffers must outlive the server.
void register_buffer_routes(HttpServer& server,
                            const std::vector<std::unique_ptr<Buffer>>& buffers);

// What GET /buffer answers.
std::string buffers_json(const std::vector<std::unique_ptr<Buffer>>& buffers);
std::string buffers_table(const std::vector<std::unique_ptr<Buffer>>& buffers);

}  // namespace tributary::edge
