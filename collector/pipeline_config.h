#pragma once

#include "collector/config.h"
#include "shared/config/settings.h"

namespace tributary::collector {

// Reads [[pipeline]] into `config`, whose roles and `data` are there already: the pipelines of the
// file; without any the built-in ones, changed or joined by what the environment and --set say of
// a pipeline. `kafka` is what [kafka] says.
void read_pipelines(const Settings& settings, const KafkaOptions& kafka, Config& config);

}  // namespace tributary::collector
