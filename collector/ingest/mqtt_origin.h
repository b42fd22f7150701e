#pragma once

#include <string_view>

#include "collector/ingest/intake.h"
#include "shared/mqtt/client.h"

namespace tributary::collector {

// Where a message's first record comes from; views into the message. With the sender's log and
// sequence when it is an edge's batch: they stand in its user properties, the sequence being that
// of the first line.
Origin origin_of(const MqttMessage& message, std::string_view edge);

}  // namespace tributary::collector
