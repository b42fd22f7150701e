#pragma once

#include "collector/store/postgresql_plan.h"
#include "collector/store/postgresql_read.h"

namespace tributary::collector {

// Store::aggregate on a table. The server makes the sums, of a stretch of time at a time that has
// about as many buckets as the answer still takes. Errors as of PostgresqlRead::rows().
Result<Buckets> read_buckets(const PostgresqlRead& read, const AggregateQuery& query,
                             const PostgresqlPlan& plan);

}  // namespace tributary::collector
