#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "shared/base/result.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// The value that a Series::id says, in canonical form. `schema` has a series.
// errc::invalid_argument when no series of the schema can have it.
Result<nlohmann::json> parse_series_id(std::string_view id, const Schema& schema);

}  // namespace tributary::collector
