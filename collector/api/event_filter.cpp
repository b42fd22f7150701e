#include "collector/api/event_filter.h"

#include <algorithm>

#include "collector/store/filter.h"

namespace tributary::collector {

Result<EventFilter> EventFilter::of(const std::vector<Filter>& filters, const Schema& schema) {
  EventFilter made;
  for (const auto& filter : filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, schema));
    made.conditions_.emplace_back(filter.field, std::move(values));
  }
  return made;
}

bool EventFilter::matches(const nlohmann::json& event) const {
  return std::ranges::all_of(conditions_, [&event](const auto& condition) {
    const auto member = event.find(condition.first);
    return member != event.end() && std::ranges::count(condition.second, *member) > 0;
  });
}

}  // namespace tributary::collector
