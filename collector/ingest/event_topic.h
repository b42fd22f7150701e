#pragma once

#include <optional>
#include <string_view>

namespace tributary::collector {

// An MQTT topic that events come on: tributary/<edge>/events/<pipeline>. The views are parts of it.
struct EventTopic {
  std::string_view edge;
  std::string_view pipeline;
};

// Nothing when it is another topic.
std::optional<EventTopic> parse_event_topic(std::string_view topic);

}  // namespace tributary::collector
