#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// How one table of events lies in a SQLite file. Format 1 (PRAGMA user_version; PRAGMA
// application_id is "Trib"):
//
//     "<table>"        a row for each event: key (unique), time_seconds and time_nanoseconds (see
//                      Timestamp), hash, received_at (RFC 3339), source, schema, edge, log (16
//                      bytes), sequence, event (canonical JSON), _tributary_replayed (older tables
//                      get it when they are opened), and a column for each SqliteField. NULL:
//                      unknown
//     indexes          (time_seconds, time_nanoseconds, key), and the same behind each field
//     tributary_tables a row for each table: what its key, its time and its fields are. An event's
//                      place in the table depends on the first two, so they can't change
//
// Immutable; any thread may read it.
class SqliteLayout {
 public:
  // errc::invalid_argument: the table's name isn't [A-Za-z_][A-Za-z0-9_]*, or SQLite or we need it.
  static Result<SqliteLayout> of(std::string_view table, const Schema& schema);

  // Makes the file what this layout says: a new file gets its tables, one with another series
  // gets its columns filled again. Leaves untouched, and fails: errc::unknown_version for a newer
  // format, errc::invalid_argument for the file of another program or for another key or time.
  Result<void> prepare(SqliteConnection& connection) const;

  // Parameters in the order of SqliteParameter, then the fields.
  [[nodiscard]] std::string insert_sql() const;
  // One parameter, the key; gives hash and received_at.
  [[nodiscard]] std::string lookup_sql() const;
  // What lies between two places, both excluded: parameters time_seconds, time_nanoseconds and key
  // of the lower one, then of the upper one, then the value of fields()[field] when there is one.
  // Columns in the order of SqliteParameter. The index is prescribed, so that no plan ever sorts.
  [[nodiscard]] std::string select_sql(std::optional<std::size_t> field, bool descending) const;

  [[nodiscard]] const std::vector<SqliteField>& fields() const { return fields_; }

 private:
  struct Recorded;
  SqliteLayout() = default;

  Result<bool> is_new(SqliteConnection& connection) const;
  Result<void> create_table(SqliteConnection& connection) const;
  Result<void> check_recorded(SqliteConnection& connection) const;
  Result<void> record(SqliteConnection& connection) const;
  Result<void> add_replayed(SqliteConnection& connection) const;
  Result<void> replace_fields(SqliteConnection& connection, std::string_view recorded) const;
  Result<void> fill_fields(SqliteConnection& connection) const;
  [[nodiscard]] std::string index_name(std::string_view column) const;
  [[nodiscard]] std::string fields_json() const;

  std::string table_;
  std::string schema_id_;
  std::string key_;   // JSON: [[name, type], …]
  std::string time_;  // the field's name
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

// Binds what the column of a field holds for a member's value (nullptr: it is missing).
void bind_field(SqliteStatement& statement, int parameter, const nlohmann::json* value);

}  // namespace tributary::collector
