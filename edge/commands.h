#pragma once

#include <string>
#include <vector>

#include "edge/config.h"
#include "shared/base/result.h"

namespace tributary::edge {

// The commands of tributary-edge but `run` and `buffer`; what they answer goes to standard output.
// Each gives the program's exit status.

// The configuration was read; are the recordings what it says?
int check_config(const Config& config);

// `arguments`: how many readings of each sensor, one by default. One JSON object a line, at the
// sensors' pace but a second at most between two.
int sample(const Config& config, const std::vector<std::string>& arguments);

}  // namespace tributary::edge
