#include "collector/subscription_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace tributary::collector {
namespace {

// What edges and collectors say to each other; a subscription to one of these would take their
// messages for a device's.
constexpr std::array<std::string_view, 4> kOwnTopics{"tributary/+/events/+", "tributary/+/receipts",
                                                     "tributary/+/status", "tributary/+/config"};

void read_filter(const Settings& settings, TopicRule& rule) {
  rule.filter = settings.string("topic");
  if (auto mistake = filter_mistake(rule.filter); !mistake.empty()) {
    settings.refuse("topic", "\"" + rule.filter + "\" " + mistake);
    rule.filter.clear();
    return;
  }
  const auto own = std::ranges::find_if(
      kOwnTopics, [&](auto topic) { return filters_overlap(rule.filter, topic); });
  if (own != kOwnTopics.end()) {
    settings.refuse("topic", "\"" + rule.filter + "\" would also take what is sent on " +
                                 std::string(*own) + ", which has a meaning of its own");
  } else if (rule.filter == "tributary" || rule.filter.starts_with("tributary/")) {
    settings.refuse("topic",
                    "\"" + rule.filter + "\": what is below tributary/ has meanings of its own");
  }
}

// nullptr, having said so, when there is none of that name.
const PipelineConfig* read_pipeline(const Settings& settings,
                                    const std::vector<PipelineConfig>& pipelines) {
  const auto name = settings.string("pipeline");
  const auto found = std::ranges::find(pipelines, name, &PipelineConfig::name);
  if (found != pipelines.end()) return &*found;
  std::string names;
  for (const auto& pipeline : pipelines) names += (names.empty() ? "" : ", ") + pipeline.name;
  settings.refuse("pipeline", "there is no pipeline \"" + name + "\": there are " + names);
  return nullptr;
}

bool refuse_reserved(const Settings& table, const std::string& name, const Schema& schema) {
  if (!schema.is_reserved(name)) return false;
  table.refuse(name, "is a reserved name: no event may have it");
  return true;
}

void read_fields(const Settings& fields, const Schema& schema, TopicRule& rule) {
  const auto wildcards = wildcards_of(rule.filter);
  for (const auto& [name, json] : fields.entries()) {
    if (refuse_reserved(fields, name, schema)) continue;
    const auto number = nlohmann::json::parse(json);
    if (!number.is_number_integer() || number < 1) {
      fields.refuse(name, "must be the number of a wildcard of the topic: 1 is the first");
    } else if (!rule.filter.empty() && number > wildcards) {
      fields.refuse(name, "there is no wildcard " + json + " in \"" + rule.filter + "\": it has " +
                              std::to_string(wildcards));
    } else {
      rule.fields.emplace_back(name, number.get<std::size_t>());
    }
  }
}

void read_constants(const Settings& set, const Schema& schema, TopicRule& rule) {
  for (const auto& [name, json] : set.entries()) {
    if (refuse_reserved(set, name, schema)) continue;
    const auto same_name = [&](const auto& field) { return field.first == name; };
    if (std::ranges::any_of(rule.fields, same_name)) {
      set.refuse(name, "is among `fields`, too: the topic says what it is");
    } else if (name == schema.time()) {
      set.refuse(name, "is the time of the event, which can't be the same for all");
    } else {
      rule.constants.emplace_back(name, json);
    }
  }
}

}  // namespace

std::vector<TopicRule> read_subscriptions(const Settings& mqtt,
                                          const std::vector<PipelineConfig>& pipelines) {
  std::vector<TopicRule> rules;
  for (const auto& settings : mqtt.tables("subscription")) {
    TopicRule rule;
    read_filter(settings, rule);
    if (!rule.filter.empty() &&
        std::ranges::find(rules, rule.filter, &TopicRule::filter) != rules.end()) {
      settings.refuse("topic", "\"" + rule.filter + "\" is subscribed to already");
    }
    const auto fields = settings.table("fields");
    const auto set = settings.table("set");
    if (const auto* const pipeline = read_pipeline(settings, pipelines)) {
      rule.pipeline = pipeline->name;
      read_fields(fields, pipeline->schema, rule);
      read_constants(set, pipeline->schema, rule);
    } else {
      static_cast<void>(fields.entries());
      static_cast<void>(set.entries());
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace tributary::collector
