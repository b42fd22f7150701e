#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/postgresql_connection.h"
#include "shared/event/schema.h"

namespace tributary::collector {

struct PostgresqlColumn {
  enum class Kind {
    text,
    integer,
    number,
    exact_number,
    boolean,
    uuid,
    time,
    exact_time,
    nested,
  };
  std::string name;
  Kind kind;
  bool indexed = false;  // NOT NULL, and as the event said in every row
};

struct PostgresqlIndex {
  std::string name;
  std::vector<std::string> fields;
  bool unique = false;
};

// The type that a value of this kind has in our statements.
std::string_view type_of(PostgresqlColumn::Kind kind);

// How the events of one schema lie in a table of PostgreSQL.
//
// A row for each event:
//
//     a column for each top-level member that the schema declares, with its name:
//         string → text COLLATE "C"    integer → bigint      number → double precision
//         boolean → boolean            UUID → uuid           nested → jsonb
//         time → timestamptz (to the microsecond, rounded down); NULL: not in the event
//         In the key, and as the series, a number is numeric, and a time that isn't the schema's
//         is text with nine digits of the second: two of them must never become one
//     "<time>_ns"          integer: the nanoseconds of the event's time below the microsecond, 0 to
//                          999; more in a leap second, which lies behind the last microsecond of
//                          the second before it. Only the schema's own time has it
//     _tributary_extra     jsonb: an object of the members that the schema doesn't declare, and of
//                          those that their column can't give back as they were: null, a number
//                          that a double doesn't hold, another time to the nanosecond, a name that
//                          no column can have. NULL: there are none. What stands here is what the
//                          event said, whatever its column says
//     _tributary_hash      bytea, 16 bytes; NULL in rows of other programs
//     _tributary           jsonb: received_at, source, schema, edge, log, sequence, replayed, where
//     known
//
// so that SELECT * shows what was posted. The columns of the key, the time and the series are NOT
// NULL (the series may be NULL in a table of others). A table that exists may have more columns, if
// they may be NULL or have a default, and may have integer or smallint for bigint, varchar for
// text, json for jsonb: what doesn't fit is refused by the server, row by row. (Of a varchar with a
// limit it cuts blanks at the end.) What it would round, real or numeric for double precision, is
// refused.
//
// Indexes; where the key has the time, it stands there with its nanoseconds:
//
//     <table>_tributary_key     the key; unique (any unique index or primary key on just these
//                               columns serves)
//     <table>_tributary_time    the time, then the rest of the key: the order of queries
//     <table>_tributary_series  the series, the time, then the rest of the key
//
// Two with the same columns are one. A table that exists without the unique one is not written to;
// without another, questions are slow, and health() says so. The same as SQL, for those who want to
// make the tables themselves: collector/store/schema/*.sql, which a test compares with sql().
//
// Immutable; any thread may read it.
class PostgresqlLayout {
 public:
  // errc::invalid_argument: a field of the key, the time or the series has a name that no column
  // can have.
  static Result<PostgresqlLayout> of(const Schema& schema, const std::string& table);

  // What the server has of it.
  struct Found {
    bool table = false;
    std::string problem;  // why it can't be written to, and what to do; empty: it can
    std::string warning;  // what else to do; empty: nothing
    std::vector<std::string>
        missing;  // what makes its indexes; behind the unique one nothing is looked for
    // Of the columns that are text: as SQL, empty for others.
    std::vector<std::string> collations;
  };
  PostgresqlAnswer<Found> inspect(PostgresqlConnection& connection) const;
  // Makes what is missing when there is no table at all.
  PostgresqlAnswer<Found> prepare(PostgresqlConnection& connection) const;

  // The table and its indexes, for psql.
  [[nodiscard]] std::string sql() const;

  // A table of the connection's own that takes a batch: `_tributary_ordinal`, then columns(), then
  // the rest of ours.
  [[nodiscard]] std::string batch_sql(const Found& found) const;
  [[nodiscard]] std::string copy_sql() const;
  // From there into the table, as far as their keys aren't there.
  [[nodiscard]] std::string insert_sql() const;
  // Of the events of a batch that were in the table before this transaction: `_tributary_ordinal`,
  // hash and received_at; and for those whose row has no hash: `_tributary_ordinal`, then
  // select_list().
  [[nodiscard]] std::string known_sql() const;
  [[nodiscard]] std::string unhashed_sql() const;

  // What PostgresqlCodec::decode() reads.
  [[nodiscard]] std::string select_list(std::string_view of_table) const;

  [[nodiscard]] int select_size() const { return static_cast<int>(columns_.size()) + 4; }

  [[nodiscard]] const std::string& table() const { return quoted_table_; }
  // Of the schema's members, in the order of their names' bytes.
  [[nodiscard]] const std::vector<PostgresqlColumn>& columns() const { return columns_; }
  [[nodiscard]] const PostgresqlColumn* column(std::string_view name) const;  // nullptr: none
  [[nodiscard]] const std::vector<PostgresqlIndex>& indexes() const { return indexes_; }
  // The fields of the time, then the rest of the key.
  [[nodiscard]] const std::vector<std::string>& order() const { return order_; }
  [[nodiscard]] const std::string& time() const { return time_; }
  [[nodiscard]] const std::string& time_ns() const { return time_ns_; }
  // As it is compared and ordered by: "sensor_id" COLLATE "C". In ORDER BY it needs its table's
  // name
  // ("t."), as a bare one there means what is selected under it.
  [[nodiscard]] std::string comparable(std::string_view field,
                                       std::string_view of_table = "") const;

 private:
  PostgresqlLayout() = default;

  [[nodiscard]] std::string definition(const PostgresqlColumn& column) const;
  [[nodiscard]] std::string fields_sql(const PostgresqlIndex& index) const;
  [[nodiscard]] std::string index_sql(const PostgresqlIndex& index) const;
  [[nodiscard]] std::string key_join() const;
  [[nodiscard]] std::vector<const PostgresqlColumn*> in_table_order() const;

  std::string table_name_;
  std::string quoted_table_;
  std::string time_;
  std::string time_ns_;
  std::vector<std::string> key_;
  std::vector<PostgresqlColumn> columns_;
  std::vector<PostgresqlIndex> indexes_;  // the first one is the unique one
  std::vector<std::string> order_;
};

}  // namespace tributary::collector
