#pragma once

#include "edge/config.h"
#include "shared/config/command_line.h"

namespace tributary::edge {

// How `buffer` is used, for --help.
Command buffer_command();

// `buffer`: how full the buffers are; `buffer --export`: what waits in them, as NDJSON. From their
// files, or from the agent that is running on them. Releases nothing. The exit status.
int run_buffer(const Config& config, const CommandLine& command_line);

}  // namespace tributary::edge
