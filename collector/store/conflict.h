#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "collector/outcome.h"
#include "shared/event/event.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// {"sensor_id":"a","timestamp":"…"}
std::string readable_key(const nlohmann::json& event, const std::vector<std::string>& names);

// The outcome for an event whose key the store has with other content; `received_at` is of what it
// has, and may be empty.
Outcome conflict_with(const Event& event, const Schema& schema, std::string_view received_at);

}  // namespace tributary::collector
