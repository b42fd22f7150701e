#pragma once

#include "edge/config.h"

namespace tributary::edge {

// `sample --list`: what each host sensor that is configured, or else one with its defaults, finds
// on this machine: names, values, where they are from, and what is missing and why; then the
// sensors that are configured. Takes a second, since some values are differences. The exit status:
// kExitFailed when the machine gives nothing at all.
int list_sensors(const Config& config);

}  // namespace tributary::edge
