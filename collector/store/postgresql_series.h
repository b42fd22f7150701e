#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/postgresql_read.h"

namespace tributary::collector {

// Store::series on a table: from series to series along their index, one step each, whatever number
// of events they have. `after`: the value of SeriesQuery::after. Errors as of
// PostgresqlRead::rows().
Result<SeriesPage> read_series(const PostgresqlRead& read, const SeriesQuery& query,
                               std::optional<nlohmann::json> after);

}  // namespace tributary::collector
