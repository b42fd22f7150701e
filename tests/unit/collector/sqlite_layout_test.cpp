#include "collector/store/sqlite_layout.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;

SqliteLayout layout_of(const Schema& schema, std::string_view table = "events") {
  auto layout = SqliteLayout::of(table, schema);
  if (!layout) FAIL(layout.error().message());
  return std::move(*layout);
}

SqliteConnection prepared(const std::filesystem::path& file, const SqliteLayout& layout) {
  auto connection = SqliteConnection::open(file, SqliteConnection::Mode::create, 1'000);
  if (!connection) FAIL(connection.error().message());
  const auto done = layout.prepare(*connection);
  if (!done) FAIL(done.error().message());
  return std::move(*connection);
}

// The lines of EXPLAIN QUERY PLAN.
std::string plan_of(SqliteConnection& connection, const std::string& sql) {
  auto statement = connection.prepare("EXPLAIN QUERY PLAN " + sql);
  if (!statement) FAIL(statement.error().message());
  std::string plan;
  while (statement->step() == 100 /* SQLITE_ROW */) plan.append(statement->column_text(3)) += '\n';
  return plan;
}

std::vector<std::string> columns_of(const SqliteLayout& layout) {
  std::vector<std::string> columns;
  for (const auto& field : layout.fields()) columns.push_back(field.column);
  return columns;
}

}  // namespace

TEST_CASE("no query scans the table or sorts") {
  const TemporaryDirectory directory;
  const auto* const name = GENERATE("telemetry", "clickstream", "measurement");
  const auto layout = layout_of(built_in(name));
  auto connection = prepared(directory.path() / "events.db", layout);
  for (const bool descending : {false, true}) {
    REQUIRE_THAT(plan_of(connection, layout.select_sql(std::nullopt, descending)),
                 Catch::Equals("SEARCH events USING INDEX tributary_events_by_time "
                               "((time_seconds,time_nanoseconds,key)>(?,?,?) AND "
                               "(time_seconds,time_nanoseconds,key)<(?,?,?))\n"));
    for (std::size_t field = 0; field < layout.fields().size(); ++field) {
      const auto& column = layout.fields()[field].column;
      REQUIRE_THAT(
          plan_of(connection, layout.select_sql(field, descending)),
          Catch::Equals("SEARCH events USING INDEX tributary_events_by_" + column + " (" + column +
                        "=? AND (time_seconds,time_nanoseconds,key)>(?,?,?) AND "
                        "(time_seconds,time_nanoseconds,key)<(?,?,?))\n"));
    }
  }
  REQUIRE_THAT(plan_of(connection, layout.lookup_sql()),
               Catch::StartsWith("SEARCH events USING INDEX"));
}

TEST_CASE("no aggregate and no list of series scans the table or sorts") {
  const TemporaryDirectory directory;
  const auto* const name = GENERATE("telemetry", "clickstream", "measurement");
  const auto layout = layout_of(built_in(name));
  auto connection = prepared(directory.path() / "events.db", layout);
  std::vector<std::string> statements{layout.rollup_sql(), layout.put_rollup_sql(),
                                      layout.next_series_sql(), layout.latest_sql()};
  for (const bool descending : {false, true}) {
    statements.push_back(layout.event_sql(std::nullopt, descending));
    statements.push_back(layout.nearest_sql(std::nullopt, descending));
    for (std::size_t field = 0; field < layout.fields().size(); ++field) {
      statements.push_back(layout.event_sql(field, descending));
      statements.push_back(layout.nearest_sql(field, descending));
    }
  }
  for (const auto& sql : statements) {
    INFO(sql);
    REQUIRE_THAT(plan_of(connection, sql),
                 !Catch::Contains("SCAN") && !Catch::Contains("TEMP B-TREE"));
  }
  // What only looks for a place reads no event.
  for (const auto& sql : {layout.nearest_sql(std::nullopt, false), layout.next_series_sql()}) {
    REQUIRE_THAT(plan_of(connection, sql),
                 Catch::StartsWith("SEARCH events USING COVERING INDEX tributary_events_by_"));
  }
  REQUIRE_THAT(plan_of(connection, layout.rollup_sql()),
               Catch::Equals("SEARCH tributary_events_rollups USING PRIMARY KEY (scope=? AND "
                             "start=? AND series=?)\n"));
}

TEST_CASE("the series and the fields of the key have columns of their own") {
  REQUIRE(columns_of(layout_of(built_in("telemetry"))) == std::vector<std::string>{"sensor_id"});
  REQUIRE(columns_of(layout_of(built_in("clickstream"))) ==
          std::vector<std::string>{"user_id", "event_id"});
}

TEST_CASE("a field whose name SQL or the table needs has a numbered column") {
  const auto* const text = R"({"type":"string"})";
  std::string properties;
  std::string key;
  for (const auto* name :
       {"source", "a", "A", "a.b", "rowid", "field_2", "select", "\\\"; --", "time", "Key"}) {
    properties.append(properties.empty() ? "{\"" : ",\"").append(name).append("\":").append(text);
    key.append(key.empty() ? "[\"" : ",\"").append(name).append("\"");
  }
  const auto schema = custom_schema(properties + "}", "{\"key\":" + key + "]}");
  const auto layout = layout_of(schema);
  REQUIRE(columns_of(layout) == std::vector<std::string>{"field_1", "a", "field_3", "field_4",
                                                         "field_5", "field_6", "select", "field_8",
                                                         "field_9", "field_10"});
  const TemporaryDirectory directory;
  auto connection = prepared(directory.path() / "events.db", layout);
  for (std::size_t field = 0; field < layout.fields().size(); ++field) {
    REQUIRE_THAT(plan_of(connection, layout.select_sql(field, false)), Catch::StartsWith("SEARCH"));
  }
}

TEST_CASE("a table's name is an identifier that nobody else needs") {
  const auto schema = built_in("telemetry");
  for (const auto* name : {"events", "_x", "Events2", "select"})
    REQUIRE(SqliteLayout::of(name, schema));
  for (const auto* name :
       {"", "2x", "a b", "a\"b", "a;b", "é", "sqlite_x", "SQLITE_x", "tributary_tables"}) {
    const auto refused = SqliteLayout::of(name, schema);
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error() == errc::invalid_argument);
  }
  REQUIRE_FALSE(SqliteLayout::of(std::string(64, 'x'), schema));
}

TEST_CASE("a file that is prepared again stays as it is") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "events.db";
  const auto layout = layout_of(built_in("telemetry"));
  prepared(file, layout);
  auto connection = prepared(file, layout);
  REQUIRE(connection.integer("SELECT count(*) FROM tributary_tables") == 1);
  REQUIRE(connection.integer("PRAGMA user_version") == 2);
  REQUIRE(connection.integer("PRAGMA application_id") == 0x54726962);
  REQUIRE(connection.integer("PRAGMA synchronous") == 2);
  REQUIRE(connection.text("PRAGMA journal_mode") == "wal");
}

TEST_CASE("a table from before there were replays gets their column") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "events.db";
  const auto layout = layout_of(built_in("telemetry"));
  REQUIRE(prepared(file, layout).execute("ALTER TABLE events DROP COLUMN _tributary_replayed"));
  auto connection = prepared(file, layout);
  REQUIRE(connection.integer("SELECT count(*) FROM pragma_table_info('events') WHERE name = "
                             "'_tributary_replayed'") == 1);
  REQUIRE(connection.prepare(layout.insert_sql()));
}

TEST_CASE("a file may hold the tables of several schemas") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "events.db";
  prepared(file, layout_of(built_in("telemetry"), "readings"));
  auto connection = prepared(file, layout_of(built_in("clickstream"), "clicks"));
  REQUIRE(connection.integer("SELECT count(*) FROM tributary_tables") == 2);
}

}  // namespace tributary::collector
