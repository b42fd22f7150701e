#include "collector/ingest/event_topic.h"

namespace tributary::collector {

std::optional<EventTopic> parse_event_topic(std::string_view topic) {
  constexpr std::string_view kPrefix = "tributary/";
  constexpr std::string_view kMiddle = "/events/";
  if (!topic.starts_with(kPrefix)) return std::nullopt;
  topic.remove_prefix(kPrefix.size());
  const auto slash = topic.find('/');
  if (slash == std::string_view::npos || !topic.substr(slash).starts_with(kMiddle))
    return std::nullopt;
  return EventTopic{.edge = topic.substr(0, slash),
                    .pipeline = topic.substr(slash + kMiddle.size())};
}

}  // namespace tributary::collector
