#pragma once

#include "collector/config.h"
#include "shared/config/command_line.h"

namespace tributary::collector {

// How `dead-letters` is used, for --help.
Command dead_letters_command();

// `dead-letters list [PIPELINE]`: prints every dead letter kept, oldest first, one JSON object a
// line. `dead-letters replay [PIPELINE]`: replays them, and prints what became of them. Both ask
// the collector that runs on the configured addresses when it has the log open, or open the stream
// themselves. The exit status.
int run_dead_letters(const Config& config, const CommandLine& command_line);

}  // namespace tributary::collector
