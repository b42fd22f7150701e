#pragma once

#include "edge/config.h"
#include "shared/config/command_line.h"

namespace tributary::edge {

// The commands of tributary-edge but `run` and `buffer`; what they answer goes to standard output.
// Each gives the program's exit status.

// The configuration was read; are the recordings what it says?
int check_config(const Config& config);

// `sample [N]`: so many readings of each sensor, one by default. One JSON object a line, at the
// sensors' pace but a second at most between two. `sample --list`: see list_sensors().
int sample(const Config& config, const CommandLine& command_line);

}  // namespace tributary::edge
