#include "collector/store/place_range.h"

#include <algorithm>
#include <limits>

namespace tributary::collector {

PlaceRange PlaceRange::all() {
  return {.lower = {.time = {.seconds = std::numeric_limits<std::int64_t>::min()}, .key = {}},
          .upper = {.time = {.seconds = std::numeric_limits<std::int64_t>::max()}, .key = {}}};
}

PlaceRange PlaceRange::of(const Query& query, const Schema& schema) {
  auto range = all();
  const auto behind = [&range](const Keyset& bound) { range.lower = std::max(range.lower, bound); };
  const auto before = [&range](const Keyset& bound) { range.upper = std::min(range.upper, bound); };
  if (query.start) behind({.time = *query.start, .key = {}});
  if (query.end) before({.time = *query.end, .key = {}});
  if (query.after && query.descending) before(*query.after);
  if (query.after && !query.descending) behind(*query.after);
  for (const auto& filter : query.filters) {
    if (filter.field != schema.time()) continue;
    auto time = Timestamp::parse(filter.value).value_or(Timestamp{});
    behind({.time = time, .key = {}});
    ++time.nanoseconds;
    before({.time = time, .key = {}});
  }
  return range;
}

}  // namespace tributary::collector
