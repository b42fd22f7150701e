#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/place_range.h"
#include "collector/store/postgresql_plan.h"
#include "collector/store/postgresql_read.h"

namespace tributary::collector {

// The page that a query asks for, of the places in this range, read along an index in parts of a
// bounded size. `after`: the key's values of Query::after. Errors as of PostgresqlRead::rows().
Result<Page> read_page(const PostgresqlRead& read, const Query& query, const PostgresqlPlan& plan,
                       PlaceRange range, std::optional<nlohmann::json> after);

}  // namespace tributary::collector
