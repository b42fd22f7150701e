#pragma once

#include <string>
#include <vector>

#include "collector/config.h"

namespace tributary::collector {

// `tributary-collector dead-letters list [PIPELINE]`: prints every dead letter kept, oldest first,
// one JSON object a line. Asks the collector that runs on the configured addresses, or reads the
// logs when none does. The exit status.
int run_dead_letters(const Config& config, const std::vector<std::string>& arguments);

}  // namespace tributary::collector
