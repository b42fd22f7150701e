#pragma once

#include <string>
#include <vector>

#include "shared/config/command_line.h"

namespace tributary {

// The command `health`: for containers and scripts, which would need a client for HTTP.
Command health_command();

// Asks /health of the program that runs with the same configuration, at the first of its addresses
// in `listen`, and prints what it answers; what says that it isn't up goes to standard error. The
// exit status: up or not.
int run_health(const std::vector<std::string>& listen, const char* program);

}  // namespace tributary
