#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/store/sqlite_layout.h"
#include "collector/store/sqlite_plan.h"
#include "collector/store/sqlite_reader.h"
#include "collector/store/sqlite_rollup_row.h"
#include "collector/store/store.h"

namespace tributary::collector {

// Store::aggregate on a SQLite file.
//
// It goes from hour to hour that has events, in the direction of the query: what lies wholly in the
// range and in one bucket is taken from the hour's row of rollups, else from those of its minutes,
// and from the events themselves what is cut by the range or by a bucket, what a row has no room
// for, and hours of few events. Queries by other fields than the series, and of buckets below a
// minute, read the events alone. It stops at the limit.
//
// Each stretch of time is read once, from rollups or events, and a snapshot changes between two
// stretches only: as each row of rollups is true to the events in every snapshot, no event is
// counted twice, and none that was stored before. (An hour that has rows for its minutes has them
// in all later snapshots.) An answer of a few rows is of one snapshot, so it shows whole batches;
// a long one gives up its snapshot after so many rows (SqlitePace), and tells of what came
// meanwhile where it hasn't been yet.
class SqliteAggregation {
 public:
  // Errors as of Store::aggregate. `query`, `layout` must outlive this.
  static Result<SqliteAggregation> of(const AggregateQuery& query, const SqliteLayout& layout,
                                      const Schema& schema);
  Result<Buckets> read(SqliteReader& reader, SqlitePace pace) const;

 private:
  class Run;
  struct Field {
    std::vector<std::string> path;      // canonical texts of the names
    std::optional<std::string> rollup;  // its name in a RollupRow, if those have it
  };

  SqliteAggregation(const AggregateQuery& query, const SqliteLayout& layout, SqlitePlan plan)
      : query_(&query), layout_(&layout), plan_(std::move(plan)) {}

  const AggregateQuery* query_;
  const SqliteLayout* layout_;
  SqlitePlan plan_;
  std::vector<Field> fields_;
  std::optional<std::string> series_;  // whose rollups are used, '' for all; nothing: none are
};

}  // namespace tributary::collector
