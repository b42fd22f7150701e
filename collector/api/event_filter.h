#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "collector/store/store.h"

namespace tributary::collector {

// The filters of a query, for events that are at hand.
class EventFilter {
 public:
  // errc::invalid_argument names the filter that can't be, as Store::query.
  static Result<EventFilter> of(const std::vector<Filter>& filters, const Schema& schema);

  // `event` in canonical form.
  [[nodiscard]] bool matches(const nlohmann::json& event) const;

 private:
  std::vector<std::pair<std::string, std::vector<nlohmann::json>>> conditions_;
};

}  // namespace tributary::collector
