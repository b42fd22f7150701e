#pragma once

#include <vector>

#include "collector/config.h"

namespace tributary::collector {

// The [[mqtt.subscription]] of the table `mqtt`, in order. Mistakes are told to the settings, each
// with its place.
std::vector<TopicRule> read_subscriptions(const Settings& mqtt,
                                          const std::vector<PipelineConfig>& pipelines);

}  // namespace tributary::collector
