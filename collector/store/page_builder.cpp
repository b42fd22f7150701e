#include "collector/store/page_builder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/base/check.h"
#include "shared/event/json.h"

namespace tributary::collector {

std::string with_meta(std::string event, const nlohmann::json& meta) {
  event.pop_back();
  if (event.size() > 1) event += ',';
  event += "\"_tributary\":";
  append_canonical(meta, event);
  event += '}';
  return event;
}

PageBuilder::PageBuilder(const Query& query)
    : limit_(std::clamp<std::size_t>(query.limit, 1, kPageEventsMax)) {}

void PageBuilder::add(std::string event, std::optional<Keyset> place) {
  bytes_ += event.size();
  page_.events.push_back(std::move(event));
  last_added_ = std::move(place);
}

Page PageBuilder::with_next() && {
  CHECK(last_added_.has_value());
  page_.next = std::move(last_added_);
  return std::move(page_);
}

}  // namespace tributary::collector
