#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/mongodb_plan.h"
#include "collector/store/mongodb_read.h"
#include "collector/store/place_range.h"

namespace tributary::collector {

// The page that a query asks for, of the places in this range. It is read along the plan's index,
// between two of its places, so that the server neither sorts nor reads what the range leaves out.
// `after`: the key's values of Query::after. Errors as of MongodbRead::find().
Result<Page> read_page(const MongodbRead& read, const Query& query, const MongodbPlan& plan,
                       const PlaceRange& range, const std::optional<nlohmann::json>& after);

}  // namespace tributary::collector
