#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/mongodb_layout.h"
#include "collector/store/mongodb_read.h"

namespace tributary::collector {

// The series behind `after`, kPageEventsMax at most, and no more of them once their latest events
// have kPageBytesMax bytes. `index` is the one that `read` goes along: the series, then the order
// of queries. The server steps in it from one series to the next, whatever the number of their
// events. Errors as of MongodbRead::find().
Result<SeriesPage> read_series(const MongodbRead& read, const SeriesQuery& query,
                               const MongodbIndex& index,
                               const std::optional<nlohmann::json>& after);

}  // namespace tributary::collector
