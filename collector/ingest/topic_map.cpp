#include "collector/ingest/topic_map.h"

#include <algorithm>

#include "shared/base/utf8.h"
#include "shared/mqtt/url.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kFilterSizeMax = 65'535;  // MQTT 5, 1.5.4

std::vector<std::string_view> levels_of(std::string_view text) {
  std::vector<std::string_view> levels;
  while (true) {
    const auto slash = text.find('/');
    levels.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return levels;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string filter_mistake(std::string_view filter) {
  if (filter.empty())
    return "is empty: write a topic, with + for any one level and a final # for the rest";
  if (filter.size() > kFilterSizeMax) return "has over 65,535 bytes";
  if (!is_utf8(filter) || filter.contains('\0')) return "is not the text that MQTT allows";
  if (filter.starts_with("$share/"))
    return "is a shared subscription: name the group in mqtt.share";
  const auto levels = levels_of(filter);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto level = levels[i];
    if (level.size() > 1 && level.contains('+')) return "has a + that isn't a whole level";
    if (level.size() > 1 && level.contains('#')) return "has a # that isn't a whole level";
    if (level == "#" && i + 1 != levels.size()) return "has a # that isn't its last level";
  }
  return {};
}

std::size_t wildcards_of(std::string_view filter) {
  return static_cast<std::size_t>(std::ranges::count_if(
      levels_of(filter), [](auto level) { return level == "+" || level == "#"; }));
}

bool filters_overlap(std::string_view one, std::string_view other) {
  const auto a = levels_of(one);
  const auto b = levels_of(other);
  for (std::size_t i = 0;; ++i) {
    // "a/#" matches "a" too.
    const bool a_open = i < a.size() && a[i] == "#";
    const bool b_open = i < b.size() && b[i] == "#";
    if (a_open || b_open) return true;
    if (i == a.size() || i == b.size()) return a.size() == b.size();
    if (a[i] != "+" && b[i] != "+" && a[i] != b[i]) return false;
  }
}

std::vector<std::string_view> wildcard_levels(std::string_view filter, std::string_view topic) {
  std::vector<std::string_view> found;
  for (const auto wanted : levels_of(filter)) {
    if (wanted == "#") {
      found.push_back(topic);
      break;
    }
    const auto slash = topic.find('/');
    if (wanted == "+") found.push_back(topic.substr(0, slash));
    topic.remove_prefix(slash == std::string_view::npos ? topic.size() : slash + 1);
  }
  return found;
}

const TopicRule* TopicMap::find(std::string_view topic) const {
  const auto rule = std::ranges::find_if(
      rules_, [&](const TopicRule& each) { return topic_matches(each.filter, topic); });
  return rule == rules_.end() ? nullptr : &*rule;
}

}  // namespace tributary::collector
