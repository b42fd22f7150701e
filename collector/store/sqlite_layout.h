#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/place_range.h"
#include "collector/store/sqlite_connection.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// A field of the schema that has a column and an index of its own: the series, and the fields of
// the key except its time. The column holds strings as TEXT, numbers as INTEGER or REAL, true and
// false as 1 and 0, and NULL for all else.
struct SqliteField {
  std::string name;
  std::string column;  // the same name where SQL allows it, else field_1, field_2, …
};

// How one table of events lies in a SQLite file. Format 2 (PRAGMA user_version; PRAGMA
// application_id is "Trib"):
//
//     "<table>"        a row for each event: key (unique), time_seconds and time_nanoseconds (see
//                      Timestamp), hash, received_at (RFC 3339), source, schema, edge, log (16
//                      bytes), sequence, event (canonical JSON), _tributary_replayed (older tables
//                      get it when they are opened), and a column for each SqliteField. NULL:
//                      unknown
//     indexes          (time_seconds, time_nanoseconds, key), and the same behind each field
//     "tributary_<table>_rollups"
//                      what the events of an hour or a minute come to, of all series and of each:
//                      scope (SqliteRollupScope), start (seconds since 1970), series (the canonical
//                      text of its id; '' in the scopes of all), events (how many), fields (see
//                      RollupRow). Each hour with events has its rows; its minutes have rows when
//                      the hour's row has more than kEventsWithoutMinutesMax events. Whoever writes
//                      an event writes these in the same transaction
//     tributary_tables a row for each table: what its key, its time and its fields are. An event's
//                      place in the table depends on the first two, so they can't change. `rollups`
//                      is the series that the rollups are of, '' for none, NULL while there are
//                      none
//
// Format 1 had no rollups. It becomes 2 when it is opened for writing; each of its tables gets its
// rollups when it is opened itself.
//
// Immutable; any thread may read it.
class SqliteLayout {
 public:
  // errc::invalid_argument: the table's name isn't [A-Za-z_][A-Za-z0-9_]*, or SQLite or we need it.
  static Result<SqliteLayout> of(std::string_view table, const Schema& schema);

  // Makes the file what this layout says: a new file gets its tables, one of format 1 or with
  // another series gets its columns and rollups filled from the events. Leaves untouched, and
  // fails: errc::unknown_version for a newer format, errc::invalid_argument for the file of another
  // program or for another key or time.
  Result<void> prepare(SqliteConnection& connection) const;

  // Parameters in the order of SqliteParameter, then the fields.
  [[nodiscard]] std::string insert_sql() const;
  // One parameter, the key; gives hash and received_at.
  [[nodiscard]] std::string lookup_sql() const;
  // What lies between two places, both excluded: parameters time_seconds, time_nanoseconds and key
  // of the lower one, then of the upper one, then the value of fields()[field] when there is one.
  // Columns in the order of SqliteParameter. The index is prescribed, so that no plan ever sorts.
  [[nodiscard]] std::string select_sql(std::optional<std::size_t> field, bool descending) const;

  // The same with fewer columns: key, time_seconds, time_nanoseconds, event (kEventOfRange).
  [[nodiscard]] std::string event_sql(std::optional<std::size_t> field, bool descending) const;
  // The same for the first of them alone, which gives time_seconds.
  [[nodiscard]] std::string nearest_sql(std::optional<std::size_t> field, bool descending) const;
  // Parameters scope, start, series; gives events and fields.
  [[nodiscard]] std::string rollup_sql() const;
  // Parameters scope, start, series, events, fields.
  [[nodiscard]] std::string put_rollup_sql() const;
  // Of a schema with a series. One parameter, a value of its column: gives that of the next one, in
  // the order of the column (numbers, then texts), and time_seconds and time_nanoseconds of its
  // first event.
  [[nodiscard]] std::string next_series_sql() const;
  // The same parameter: the latest event of that series, in columns as select_sql().
  [[nodiscard]] std::string latest_sql() const;

  [[nodiscard]] const std::vector<SqliteField>& fields() const { return fields_; }
  // Of fields(); nothing when the schema has no series.
  [[nodiscard]] std::optional<std::size_t> series() const;
  [[nodiscard]] const std::string& table() const { return table_; }

 private:
  struct Recorded;
  SqliteLayout() = default;

  Result<std::int64_t> format_of(SqliteConnection& connection) const;
  Result<void> create_table(SqliteConnection& connection) const;
  Result<void> check_recorded(SqliteConnection& connection) const;
  Result<void> record(SqliteConnection& connection) const;
  Result<void> add_replayed(SqliteConnection& connection) const;
  Result<void> replace_fields(SqliteConnection& connection, std::string_view recorded) const;
  Result<void> fill_fields(SqliteConnection& connection) const;
  Result<void> replace_rollups(SqliteConnection& connection) const;
  [[nodiscard]] std::string range_sql(std::string_view columns, std::optional<std::size_t> field,
                                      bool descending) const;
  [[nodiscard]] std::string index_name(std::string_view column) const;
  [[nodiscard]] std::string rollups_name() const;
  [[nodiscard]] std::string fields_json() const;

  std::string table_;
  std::string schema_id_;
  std::string key_;     // JSON: [[name, type], …]
  std::string time_;    // the field's name
  std::string series_;  // the same; empty when there is none
  std::vector<SqliteField> fields_;
};

enum class SqliteParameter : int {
  key = 1,
  time_seconds,
  time_nanoseconds,
  hash,
  received_at,
  source,
  schema,
  edge,
  log,
  sequence,
  event,
  replayed,
  first_field,
};

// What a row of rollups is of. FORMAT: the column `scope`.
enum class SqliteRollupScope : std::int64_t { hour = 0, minute, series_hour, series_minute };

inline constexpr std::int64_t kRollupHour = 3'600;  // seconds
inline constexpr std::int64_t kRollupMinute = 60;
// The hour or minute that a second lies in.
constexpr std::int64_t floor_to(std::int64_t unit, std::int64_t seconds) {
  return seconds - (seconds % unit + unit) % unit;
}
// An hour with so few events is read as fast from them, and most series write one in a minute or
// less: they are spared a row of rollups for each event.
inline constexpr std::uint64_t kEventsWithoutMinutesMax = 100;

// The parameters of SqliteLayout::select_sql and those like it, but the field's value. The range
// must outlive the statement's steps.
void bind_range(SqliteStatement& statement, const PlaceRange& range);
inline constexpr int kFieldOfRange = 7;  // the parameter of its value
inline constexpr int kEventOfRange = 3;  // the column of SqliteLayout::event_sql

// Of a row of SqliteLayout::select_sql or event_sql.
Timestamp time_of(const SqliteStatement& row);
Keyset place_of(const SqliteStatement& row);

// Binds what the column of a field holds for a member's value (nullptr: it is missing).
void bind_field(SqliteStatement& statement, int parameter, const nlohmann::json* value);

}  // namespace tributary::collector
