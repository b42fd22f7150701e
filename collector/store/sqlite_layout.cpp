#include "collector/store/sqlite_layout.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "collector/store/sqlite_rollup.h"
#include "shared/event/event.h"
#include "shared/event/json.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

constexpr std::int64_t kApplicationId = 0x54726962;  // "Trib"
constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kFormatWithoutRollups = 1;
constexpr std::int64_t kEmpty = 0;  // a file that becomes ours
constexpr std::size_t kNameSizeMax = 63;
constexpr std::size_t kSeriesField = 0;  // of the fields, when there is a series
constexpr std::string_view kColumns =
    "key, time_seconds, time_nanoseconds, hash, received_at, source, schema, edge, log, sequence, "
    "event, _tributary_replayed";
constexpr std::string_view kOrder = "time_seconds, time_nanoseconds, key";
constexpr const char* kDescending = " ORDER BY time_seconds DESC, time_nanoseconds DESC, key DESC";
constexpr std::array<std::string_view, 15> kNamesTaken{
    "time",   "key",  "time_seconds", "time_nanoseconds", "hash",  "received_at", "source",
    "schema", "edge", "log",          "sequence",         "event", "rowid",       "oid",
    "_rowid_"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
  return result;
}

bool is_identifier(std::string_view name) {
  const auto is_letter = [](char c) { return c == '_' || (lower(c) >= 'a' && lower(c) <= 'z'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && name.size() <= kNameSizeMax && !is_digit(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); });
}

std::string in_quotes(std::string_view name) { return '"' + std::string(name) + '"'; }

std::string_view type_name(SchemaField::Type type) {
  switch (type) {
    case SchemaField::Type::string:
      return "string";
    case SchemaField::Type::integer:
      return "integer";
    case SchemaField::Type::number:
      return "number";
    case SchemaField::Type::boolean:
      return "boolean";
    case SchemaField::Type::time:
      return "time";
    case SchemaField::Type::uuid:
      return "uuid";
    case SchemaField::Type::nested:
      return "nested";
  }
  return "";
}

// SQLite compares names without regard to case, JSON doesn't.
std::string column_for(std::string_view name, const std::vector<SqliteField>& others) {
  const auto wanted = lower(name);
  const bool taken =
      std::ranges::find(kNamesTaken, wanted) != kNamesTaken.end() || wanted.starts_with("field_") ||
      std::ranges::any_of(others, [&](const auto& other) { return lower(other.column) == wanted; });
  if (is_identifier(name) && !taken) return std::string(name);
  return "field_" + std::to_string(others.size() + 1);
}

// What the connection's settings have to be for what Store promises.
Result<void> require_durability(SqliteConnection& connection) {
  TRIBUTARY_ASSIGN(const auto mode, connection.text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return fail(errc::unsupported, connection.file().string() +
                                       " can't be used in WAL mode (its journal mode stays " +
                                       mode + "): is it on a network file system?");
  }
  TRIBUTARY_TRY(connection.execute("PRAGMA synchronous = FULL"));
  TRIBUTARY_ASSIGN(const auto synchronous, connection.integer("PRAGMA synchronous"));
  constexpr std::int64_t kFull = 2;
  if (synchronous < kFull) {
    return fail(errc::unsupported,
                connection.file().string() + ": SQLite doesn't take synchronous=FULL");
  }
  // What a killed process wrote and did not sync yet is visible already: sync it before anything of
  // it is called a duplicate.
  return connection.execute("PRAGMA wal_checkpoint(PASSIVE)");
}

// Runs `body` in a transaction that is rolled back when it fails.
template <class Body>
Result<void> in_transaction(SqliteConnection& connection, Body body) {
  TRIBUTARY_TRY(connection.execute("BEGIN IMMEDIATE"));
  Result<void> done = body();
  if (done) done = connection.execute("COMMIT");
  if (!done) connection.roll_back();
  return done;
}

}  // namespace

// What tributary_tables says of the table.
struct SqliteLayout::Recorded {
  std::string key;
  std::string time;
  std::string fields;
  std::optional<std::string> rollups;
};

Result<SqliteLayout> SqliteLayout::of(std::string_view table, const Schema& schema) {
  const auto name = lower(table);
  if (!is_identifier(table) || name.starts_with("sqlite_") || name.starts_with("tributary_")) {
    return fail(errc::invalid_argument,
                "table \"" + std::string(table) +
                    "\": a name is one letter or _, then letters, digits and _, at most 63 in all, "
                    "and begins neither with sqlite_ nor with tributary_");
  }
  SqliteLayout layout;
  layout.table_ = table;
  layout.schema_id_ = schema.id();
  layout.time_ = schema.time();
  layout.series_ = schema.series();

  auto key = json::array();
  std::vector<std::string> names;
  if (!schema.series().empty()) names.push_back(schema.series());
  for (const auto& field : schema.key()) {
    key.push_back({field, type_name(schema.field(field)->type)});
    if (field != schema.time() && field != schema.series()) names.push_back(field);
  }
  layout.key_ = key.dump();
  for (const auto& field : names) {
    layout.fields_.push_back({.name = field, .column = column_for(field, layout.fields_)});
  }
  return layout;
}

Result<void> SqliteLayout::prepare(SqliteConnection& connection) const {
  TRIBUTARY_TRY(format_of(connection));  // before anything is changed
  TRIBUTARY_TRY(require_durability(connection));
  return in_transaction(connection, [&]() -> Result<void> {
    TRIBUTARY_ASSIGN(const auto format, format_of(connection));
    if (format == kEmpty) {
      TRIBUTARY_TRY(
          connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId) +
                             "; CREATE TABLE tributary_tables (name TEXT PRIMARY KEY COLLATE "
                             "NOCASE, key TEXT NOT NULL, time TEXT NOT NULL, fields TEXT NOT NULL,"
                             " schema TEXT NOT NULL, rollups TEXT)"));
    }
    if (format == kFormatWithoutRollups) {
      TRIBUTARY_TRY(connection.execute("ALTER TABLE tributary_tables ADD COLUMN rollups TEXT"));
    }
    if (format != kFormat) {
      TRIBUTARY_TRY(connection.execute("PRAGMA user_version = " + std::to_string(kFormat)));
    }
    TRIBUTARY_ASSIGN(const auto tables,
                     connection.integer("SELECT count(*) FROM sqlite_master WHERE name = '" +
                                        table_ + "' COLLATE NOCASE"));
    return tables == 0 ? create_table(connection) : check_recorded(connection);
  });
}

// kEmpty, kFormat or kFormatWithoutRollups; fails when the file isn't ours.
Result<std::int64_t> SqliteLayout::format_of(SqliteConnection& connection) const {
  TRIBUTARY_ASSIGN(const auto application, connection.integer("PRAGMA application_id"));
  TRIBUTARY_ASSIGN(const auto format, connection.integer("PRAGMA user_version"));
  TRIBUTARY_ASSIGN(const auto objects, connection.integer("SELECT count(*) FROM sqlite_master"));
  if (application == 0 && format == 0 && objects == 0) return kEmpty;
  const auto file = connection.file().string();
  if (application != kApplicationId) {
    return fail(errc::invalid_argument,
                file + " is the database of another program: give the store a file of its own");
  }
  if (format != kFormat && format != kFormatWithoutRollups) {
    return fail(errc::unknown_version,
                file + " was written by another version of Tributary (its format is " +
                    std::to_string(format) + ", this one reads " +
                    std::to_string(kFormatWithoutRollups) + " and " + std::to_string(kFormat) +
                    ")");
  }
  TRIBUTARY_ASSIGN(const auto encoding, connection.text("PRAGMA encoding"));
  if (encoding != "UTF-8") {
    return fail(errc::invalid_argument, file + " is in " + encoding + ": only UTF-8 can be used");
  }
  return format;
}

Result<void> SqliteLayout::create_table(SqliteConnection& connection) const {
  const auto table = in_quotes(table_);
  TRIBUTARY_TRY(connection.execute(
      "CREATE TABLE " + table +
      " (key BLOB NOT NULL UNIQUE, time_seconds INTEGER NOT NULL,"
      " time_nanoseconds INTEGER NOT NULL, hash BLOB NOT NULL, received_at TEXT, source TEXT,"
      " schema TEXT, edge TEXT, log BLOB, sequence INTEGER, event TEXT NOT NULL,"
      " _tributary_replayed TEXT);"
      "CREATE INDEX " +
      index_name("time") + " ON " + table + " (" + std::string(kOrder) + ")"));
  TRIBUTARY_TRY(replace_fields(connection, "[]"));
  TRIBUTARY_TRY(replace_rollups(connection));
  return record(connection);
}

Result<void> SqliteLayout::check_recorded(SqliteConnection& connection) const {
  const auto whole = connection.file().string() + ", table " + table_;
  TRIBUTARY_ASSIGN(auto statement,
                   connection.prepare("SELECT key, time, fields, schema, rollups FROM "
                                      "tributary_tables WHERE name = ?"));
  statement.bind_text(1, table_);
  const int code = statement.step();
  if (code == SQLITE_DONE) {
    return fail(errc::invalid_argument, whole + ": Tributary didn't make this table; name another");
  }
  if (code != SQLITE_ROW) return std::unexpected(connection.error(code, "read tributary_tables"));

  const Recorded recorded{.key = std::string(statement.column_text(0)),
                          .time = std::string(statement.column_text(1)),
                          .fields = std::string(statement.column_text(2)),
                          .rollups = statement.column_is_null(4)
                                         ? std::nullopt
                                         : std::optional(std::string(statement.column_text(4)))};
  const bool same_schema = statement.column_text(3) == schema_id_;
  statement.reset();
  if (recorded.key != key_ || recorded.time != time_) {
    return fail(errc::invalid_argument, whole + " holds events of another schema: their key is " +
                                            recorded.key + " and their time " + recorded.time +
                                            ", those of " + schema_id_ + " have key " + key_ +
                                            " and time " + time_ +
                                            ". A table keeps its key and time: name another table");
  }
  TRIBUTARY_TRY(add_replayed(connection));
  const bool same_fields = recorded.fields == fields_json();
  if (!same_fields) {
    log_info("store", "the schema's series changed: filling the columns again",
             {{"file", connection.file().string()}, {"table", table_}});
    TRIBUTARY_TRY(replace_fields(connection, recorded.fields));
  }
  const bool same_rollups = recorded.rollups == series_;
  if (!same_rollups) TRIBUTARY_TRY(replace_rollups(connection));
  if (same_schema && same_fields && same_rollups) return {};
  return record(connection);
}

// No column of a field has this name: it is a reserved member's. Programs that don't know it leave
// it NULL.
Result<void> SqliteLayout::add_replayed(SqliteConnection& connection) const {
  TRIBUTARY_ASSIGN(const auto columns,
                   connection.integer("SELECT count(*) FROM pragma_table_info('" + table_ +
                                      "') WHERE name = '_tributary_replayed'"));
  if (columns > 0) return {};
  return connection.execute("ALTER TABLE " + in_quotes(table_) +
                            " ADD COLUMN _tributary_replayed TEXT");
}

Result<void> SqliteLayout::record(SqliteConnection& connection) const {
  TRIBUTARY_ASSIGN(auto statement,
                   connection.prepare("INSERT OR REPLACE INTO tributary_tables "
                                      "(name, key, time, fields, schema, rollups) VALUES "
                                      "(?, ?, ?, ?, ?, ?)"));
  const auto fields = fields_json();
  statement.bind_text(1, table_);
  statement.bind_text(2, key_);
  statement.bind_text(3, time_);
  statement.bind_text(4, fields);
  statement.bind_text(5, schema_id_);
  statement.bind_text(6, series_);
  const int code = statement.step();
  if (code != SQLITE_DONE) return std::unexpected(connection.error(code, "write tributary_tables"));
  return {};
}

// The columns and indexes that `recorded` (as fields_json() writes it) names go, ours come.
Result<void> SqliteLayout::replace_fields(SqliteConnection& connection,
                                          std::string_view recorded) const {
  const auto table = "ALTER TABLE " + in_quotes(table_);
  const auto old_fields = json::parse(recorded, nullptr, false);
  for (const auto& field : old_fields) {
    if (!field.is_array() || field.size() != 2 || !field[1].is_string() ||
        !is_identifier(field[1].get<std::string>())) {
      return fail(errc::corrupt, connection.file().string() + ": tributary_tables is damaged");
    }
    const auto column = field[1].get<std::string>();
    TRIBUTARY_TRY(connection.execute("DROP INDEX IF EXISTS " + index_name(column) + "; " + table +
                                     " DROP COLUMN " + in_quotes(column)));
  }
  for (const auto& field : fields_) {
    TRIBUTARY_TRY(connection.execute(table + " ADD COLUMN " + in_quotes(field.column)));
  }
  TRIBUTARY_TRY(fill_fields(connection));
  for (const auto& field : fields_) {
    TRIBUTARY_TRY(connection.execute("CREATE INDEX " + index_name(field.column) + " ON " +
                                     in_quotes(table_) + " (" + in_quotes(field.column) + ", " +
                                     std::string(kOrder) + ")"));
  }
  return {};
}

Result<void> SqliteLayout::fill_fields(SqliteConnection& connection) const {
  if (fields_.empty()) return {};
  std::string assignments;
  for (const auto& field : fields_) {
    assignments += (assignments.empty() ? "" : ", ") + in_quotes(field.column) + " = ?";
  }
  TRIBUTARY_ASSIGN(auto next, connection.prepare("SELECT rowid, event FROM " + in_quotes(table_) +
                                                 " WHERE rowid > ? ORDER BY rowid LIMIT 1"));
  TRIBUTARY_ASSIGN(auto update, connection.prepare("UPDATE " + in_quotes(table_) + " SET " +
                                                   assignments + " WHERE rowid = ?"));
  std::int64_t row = std::numeric_limits<std::int64_t>::min();
  for (;;) {
    next.bind_integer(1, row);
    const int read = next.step();
    if (read == SQLITE_DONE) return {};
    if (read != SQLITE_ROW) return std::unexpected(connection.error(read, "read an event"));
    row = next.column_integer(0);
    const auto event = parse_json(next.column_text(1), kNestingMax);
    if (!event || !event->is_object()) {
      return fail(errc::corrupt,
                  connection.file().string() + ": row " + std::to_string(row) + " holds no event");
    }
    int parameter = 0;
    for (const auto& field : fields_) {
      const auto member = event->find(field.name);
      bind_field(update, ++parameter, member == event->end() ? nullptr : &*member);
    }
    update.bind_integer(++parameter, row);
    const int filled = update.step();
    if (filled != SQLITE_DONE) return std::unexpected(connection.error(filled, "fill the columns"));
    update.reset();
    next.reset();
  }
}

Result<void> SqliteLayout::replace_rollups(SqliteConnection& connection) const {
  TRIBUTARY_TRY(connection.execute(
      "DROP TABLE IF EXISTS " + rollups_name() + "; CREATE TABLE " + rollups_name() +
      " (scope INTEGER NOT NULL, start INTEGER NOT NULL, series TEXT NOT NULL,"
      " events INTEGER NOT NULL, fields BLOB NOT NULL, PRIMARY KEY (scope, start, series))"
      " WITHOUT ROWID"));
  return fill_rollups(connection, *this);
}

std::string SqliteLayout::insert_sql() const {
  std::string columns(kColumns);
  std::string places = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
  for (const auto& field : fields_) {
    columns += ", " + in_quotes(field.column);
    places += ", ?";
  }
  return "INSERT INTO " + in_quotes(table_) + " (" + columns + ") VALUES (" + places +
         ") ON CONFLICT (key) DO NOTHING";
}

std::string SqliteLayout::lookup_sql() const {
  return "SELECT hash, received_at FROM " + in_quotes(table_) + " WHERE key = ?";
}

std::string SqliteLayout::select_sql(std::optional<std::size_t> field, bool descending) const {
  return range_sql(kColumns, field, descending);
}

std::string SqliteLayout::event_sql(std::optional<std::size_t> field, bool descending) const {
  return range_sql("key, time_seconds, time_nanoseconds, event", field, descending);
}

std::string SqliteLayout::nearest_sql(std::optional<std::size_t> field, bool descending) const {
  return range_sql("time_seconds", field, descending) + " LIMIT 1";
}

std::string SqliteLayout::range_sql(std::string_view columns, std::optional<std::size_t> field,
                                    bool descending) const {
  const std::string order(kOrder);
  const auto index = index_name(field ? std::string_view(fields_.at(*field).column) : "time");
  auto sql = "SELECT " + std::string(columns) + " FROM " + in_quotes(table_) + " INDEXED BY " +
             index + " WHERE (" + order + ") > (?1, ?2, ?3) AND (" + order + ") < (?4, ?5, ?6)";
  if (field) sql += " AND " + in_quotes(fields_.at(*field).column) + " = ?7";
  return sql + (descending ? kDescending : " ORDER BY " + order);
}

std::string SqliteLayout::rollup_sql() const {
  return "SELECT events, fields FROM " + rollups_name() +
         " WHERE scope = ? AND start = ? AND series = ?";
}

std::string SqliteLayout::put_rollup_sql() const {
  return "INSERT INTO " + rollups_name() +
         " (scope, start, series, events, fields) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
         "events = excluded.events, fields = excluded.fields";
}

std::string SqliteLayout::next_series_sql() const {
  const auto& column = fields_.at(kSeriesField).column;
  return "SELECT " + in_quotes(column) + ", time_seconds, time_nanoseconds FROM " +
         in_quotes(table_) + " INDEXED BY " + index_name(column) + " WHERE " + in_quotes(column) +
         " > ? ORDER BY " + in_quotes(column) + ", " + std::string(kOrder) + " LIMIT 1";
}

std::string SqliteLayout::latest_sql() const {
  const auto& column = fields_.at(kSeriesField).column;
  return "SELECT " + std::string(kColumns) + " FROM " + in_quotes(table_) + " INDEXED BY " +
         index_name(column) + " WHERE " + in_quotes(column) + " = ?" + kDescending + " LIMIT 1";
}

std::optional<std::size_t> SqliteLayout::series() const {
  if (series_.empty()) return std::nullopt;
  return kSeriesField;
}

std::string SqliteLayout::rollups_name() const {
  return in_quotes("tributary_" + table_ + "_rollups");
}

// No column is named "time", so the index for the time alone can't meet one of a field.
std::string SqliteLayout::index_name(std::string_view column) const {
  return in_quotes("tributary_" + table_ + "_by_" + std::string(column));
}

std::string SqliteLayout::fields_json() const {
  auto fields = json::array();
  for (const auto& field : fields_) fields.push_back({field.name, field.column});
  return fields.dump();
}

void bind_range(SqliteStatement& statement, const PlaceRange& range) {
  const auto bind_place = [&statement](int parameter, const Keyset& place) {
    statement.bind_integer(parameter, place.time.seconds);
    statement.bind_integer(parameter + 1, place.time.nanoseconds);
    statement.bind_blob(parameter + 2, place.key);
  };
  bind_place(1, range.lower);
  bind_place(4, range.upper);
}

void bind_field(SqliteStatement& statement, int parameter, const json* value) {
  if (value == nullptr) return statement.bind_null(parameter);
  switch (value->type()) {
    case json::value_t::string:
      return statement.bind_text(parameter, *value->get_ptr<const std::string*>());
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return statement.bind_integer(parameter, value->get<std::int64_t>());
    case json::value_t::number_float:
      return statement.bind_real(parameter, value->get<double>());
    case json::value_t::boolean:
      return statement.bind_integer(parameter, value->get<bool>() ? 1 : 0);
    default:
      return statement.bind_null(parameter);
  }
}

Timestamp time_of(const SqliteStatement& row) {
  return {.seconds = row.column_integer(1),
          .nanoseconds = static_cast<std::int32_t>(row.column_integer(2))};
}

Keyset place_of(const SqliteStatement& row) {
  return {.time = time_of(row), .key = std::string(row.column_blob(0))};
}

}  // namespace tributary::collector
