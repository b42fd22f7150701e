#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary::collector {

// One [[mqtt.subscription]]: which topics carry the events of a pipeline, and what they say of
// each.
struct TopicRule {
  std::string filter;  // MQTT 5, 4.7; no shared subscription
  std::string pipeline;
  // The members that a wildcard of the topic gives, a string each; the first wildcard is 1.
  std::vector<std::pair<std::string, std::size_t>> fields;
  // The members that an event gets when it lacks them, with their JSON text.
  std::vector<std::pair<std::string, std::string>> constants;

  [[nodiscard]] bool adds_nothing() const { return fields.empty() && constants.empty(); }
};

// What is wrong with a topic filter; empty when nothing is.
std::string filter_mistake(std::string_view filter);

// How many wildcards a valid filter has.
std::size_t wildcards_of(std::string_view filter);

// Whether some topic matches both.
bool filters_overlap(std::string_view one, std::string_view other);

// What the filter's wildcards stand for in a topic that matches it, in order. A final # is the rest
// of the topic, with its slashes.
std::vector<std::string_view> wildcard_levels(std::string_view filter, std::string_view topic);

// The rules in the order of the configuration. Any thread.
class TopicMap {
 public:
  explicit TopicMap(std::vector<TopicRule> rules) : rules_(std::move(rules)) {}

  // The first rule that the topic matches; nullptr: none. It lives as long as the map.
  [[nodiscard]] const TopicRule* find(std::string_view topic) const;

 private:
  std::vector<TopicRule> rules_;
};

}  // namespace tributary::collector
