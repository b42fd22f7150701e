#pragma once

#include "collector/store/mongodb_plan.h"
#include "collector/store/mongodb_read.h"

namespace tributary::collector {

// The buckets that a query asks for, kPageEventsMax at most, summed up by the server. It reads the
// events of the range along the plan's index, and hardly more of them than the buckets of the
// answer have. Errors as of MongodbRead::find().
Result<Buckets> read_buckets(const MongodbRead& read, const AggregateQuery& query,
                             const MongodbPlan& plan);

}  // namespace tributary::collector
