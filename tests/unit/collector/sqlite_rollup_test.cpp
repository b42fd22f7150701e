// That the rollups of a SQLite file are true to its events: after failures, upgrades, and a change
// of the schema.

#include "collector/store/sqlite_rollup.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "collector/store/sqlite_store.h"
#include "collector/store/sqlite_writer.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using nlohmann::json;
using enum Outcome::Verdict;
namespace fs = std::filesystem;

const std::vector<FieldPath> kFields{
    {"temperature"}, {"humidity"}, {"location", "latitude"}, {"n"}};

struct Fixture {
  TemporaryDirectory directory;
  fs::path file = directory.path() / "events.db";
  Schema schema = built_in("telemetry");

  std::unique_ptr<Store> open(const std::string& table = "events") {
    auto store = open_sqlite_store({.file = file, .table = table, .busy_timeout = 100ms}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }
  SqliteConnection connect() {
    auto connection = SqliteConnection::open(file, SqliteConnection::Mode::write, 1'000);
    if (!connection) FAIL(connection.error().message());
    return std::move(*connection);
  }
  void run(const std::string& sql) {
    const auto done = connect().execute(sql);
    if (!done) FAIL(done.error().message());
  }
  std::int64_t integer(const std::string& sql) {
    const auto value = connect().integer(sql);
    if (!value) FAIL(value.error().message());
    return *value;
  }
  // All that the rollups hold.
  std::string rollups() {
    auto connection = connect();
    auto rows = connection.prepare(
        "SELECT scope, start, series, events, hex(fields) FROM tributary_events_rollups");
    REQUIRE(rows);
    std::string text;
    while (rows->step() == 100 /* SQLITE_ROW */) {
      for (int column = 0; column < 5; ++column) text.append(rows->column_text(column)) += ' ';
      text += '\n';
    }
    return text;
  }
  // The file as the version before rollups leaves it.
  void make_format_1() {
    run("DROP TABLE tributary_events_rollups; ALTER TABLE tributary_tables DROP COLUMN rollups; "
        "PRAGMA user_version = 1");
  }
};

std::string text_of(const Result<Buckets>& answer) {
  if (!answer) FAIL(answer.error().message());
  std::string text;
  for (const auto& bucket : answer->buckets) {
    text += bucket.start.text() + " " + std::to_string(bucket.events);
    for (const auto& field : bucket.fields) {
      text += " " + std::to_string(field.count) + "/" + std::to_string(field.sum) + "/" +
              std::to_string(field.min) + "/" + std::to_string(field.max);
    }
    text += '\n';
  }
  return text;
}

// The answers of the rollups are those of the events: a condition that all meet keeps from rollups.
void require_true(Store& store, const std::vector<Filter>& filters, const Filter& of_all) {
  for (const auto bucket : {1min, 60min}) {
    AggregateQuery query{.filters = filters, .bucket = bucket, .fields = kFields, .limit = 10'000};
    const auto found = text_of(store.aggregate(query));
    REQUIRE_FALSE(found.empty());
    query.filters.push_back(of_all);
    REQUIRE(found == text_of(store.aggregate(query)));
  }
}

void require_true(Store& store, const std::string& sensor) {
  const Filter of_all{.field = "kind", .value = "reading"};
  require_true(store, {}, of_all);
  require_true(store, {{.field = "sensor_id", .value = sensor}}, of_all);
}

// Readings of a sensor every so many seconds.
std::vector<Event> series(const std::string& sensor, int count, int step) {
  auto time = time_of("2026-01-21T10:00:00Z");
  std::vector<Event> events;
  for (int n = 0; n < count; ++n, time.seconds += step) {
    events.push_back(reading(sensor, time.text(), R"(,"kind":"reading","n":)" + std::to_string(n)));
  }
  return events;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the minutes of an hour have rollups once it has many events") {
  const auto store = open();
  const auto minutes = "SELECT count(*) FROM tributary_events_rollups WHERE scope IN (1, 3)";
  auto events = series("a", kEventsWithoutMinutesMax + 20, 30);
  store_all(*store, std::span(events).first(kEventsWithoutMinutesMax));
  REQUIRE(integer(minutes) == 0);
  require_true(*store, "a");
  store_all(*store, std::span(events).subspan(kEventsWithoutMinutesMax, 10));
  REQUIRE(integer(minutes) == 2 * 55);
  require_true(*store, "a");
  store_all(*store, std::span(events).last(10));
  REQUIRE(integer(minutes) == 2 * 60);
  require_true(*store, "a");
}

TEST_CASE_METHOD(Fixture, "duplicates, conflicts and rejected events are in no rollup") {
  const auto store = open();
  store_all(*store, series("a", 200, 10));
  run("CREATE TRIGGER no_b BEFORE INSERT ON events WHEN NEW.sensor_id = 'b' "
      "BEGIN SELECT RAISE(ABORT, 'no b here'); END");
  const auto before = rollups();
  auto events = series("a", 200, 10);
  events.push_back(reading("b", "2026-01-21T10:00:00Z"));
  events[0] = reading("a", "2026-01-21T10:00:00Z", ",\"other\":1");
  const auto outcomes = store->write(events);
  REQUIRE(outcomes.front().verdict == conflict);
  REQUIRE(outcomes[1].verdict == duplicate);
  REQUIRE(outcomes.back().verdict == rejected);
  REQUIRE(rollups() == before);
}

TEST_CASE_METHOD(Fixture,
                 "a batch that fails leaves the rollups as they were, and none of it later") {
  const auto store = open();
  store_all(*store, series("a", 150, 10));
  const auto before = rollups();
  const auto* const sql = GENERATE(
      "CREATE TRIGGER bad BEFORE INSERT ON events WHEN NEW.sensor_id = 'last' "
      "BEGIN SELECT RAISE(ROLLBACK, 'not now'); END",
      "CREATE TRIGGER bad BEFORE INSERT ON tributary_events_rollups WHEN NEW.series = '\"last\"' "
      "BEGIN SELECT RAISE(ABORT, 'not now'); END");
  run(sql);
  auto events = series("b", 150, 10);
  events.push_back(reading("last", "2026-01-21T10:00:00Z", R"(,"kind":"reading")"));
  for (const auto& outcome : store->write(events)) REQUIRE(outcome.verdict == retry);
  REQUIRE(rollups() == before);
  require_true(*store, "a");
  run("DROP TRIGGER bad");
  store_all(*store, events);
  require_true(*store, "b");
}

TEST_CASE_METHOD(Fixture, "a writer that failed forgets what it was to add to the rollups") {
  const auto layout = SqliteLayout::of("events", schema);
  auto writer = SqliteWriter::open(file, SqliteConnection::Mode::create, 1'000, *layout, schema);
  REQUIRE(writer);
  run("CREATE TRIGGER bad BEFORE INSERT ON events WHEN NEW.sensor_id = 'last' "
      "BEGIN SELECT RAISE(ROLLBACK, 'not now'); END");
  auto events = series("a", 50, 10);
  events.push_back(reading("last", "2026-01-21T10:00:00Z"));
  REQUIRE_FALSE(writer->write(events));
  REQUIRE(writer->write(series("b", 50, 10)));
  REQUIRE(integer("SELECT sum(events) FROM tributary_events_rollups WHERE scope = 0") == 50);
}

TEST_CASE_METHOD(Fixture,
                 "what is more than is held in memory has its rollups, written or upgraded") {
  auto store = open();
  std::vector<Event> events;
  auto time = time_of("2026-01-21T10:00:00Z");
  for (int n = 0; n < 3'000; ++n, ++time.seconds) {
    std::string more = R"(,"kind":"reading","n":)" + std::to_string(n);
    for (int i = 0; i < 60; ++i) {
      more += ",\"" + std::string(40, 'x') + std::to_string(i) + "\":" + std::to_string(n);
    }
    events.push_back(reading("sensor " + std::to_string(n), time.text(), more));
  }
  store_all(*store, events);
  require_true(*store, "sensor 7");
  const auto before = rollups();
  store.reset();
  make_format_1();
  require_true(*open(), "sensor 7");
  const bool same = rollups() == before;
  REQUIRE(same);
}

TEST_CASE_METHOD(Fixture, "a file of format 1 gets its rollups when it is opened") {
  {
    const auto store = open();
    store_all(*store, series("a", 2'000, 7));
    store_all(*store, series("b", 300, 60));
    store_one(*store, reading("late", "1960-01-01T00:00:00.5Z", R"(,"kind":"reading")"));
  }
  const auto before = rollups();
  make_format_1();
  const auto store = open();
  REQUIRE(integer("PRAGMA user_version") == 2);
  require_true(*store, "a");
  require_true(*store, "late");
  REQUIRE(rollups().size() == before.size());
  store_all(*store, series("c", 2'000, 7));
  require_true(*store, "c");
}

TEST_CASE_METHOD(Fixture, "what an earlier version left is upgraded") {
  fs::copy_file(TRIBUTARY_SOURCE_DIR "/tests/data/upgrade/288ce64/collector/telemetry.db", file);
  REQUIRE(integer("PRAGMA user_version") == 1);
  const auto store = open();
  REQUIRE(integer("PRAGMA user_version") == 2);
  std::map<Timestamp, std::uint64_t> hours;
  for (const auto& event : page_of(*store, {.limit = 10'000}).events) {
    ++hours[bucket_start(time_of(json::parse(event)["timestamp"].get<std::string>()), 1h)];
  }
  REQUIRE_FALSE(hours.empty());
  const auto answer = store->aggregate({.bucket = 1h, .fields = kFields});
  REQUIRE(answer);
  REQUIRE(answer->buckets.size() == hours.size());
  for (const auto& bucket : answer->buckets) {
    REQUIRE(bucket.events == hours[bucket.start]);
    REQUIRE(bucket.fields[0].count == bucket.events);
  }
}

TEST_CASE_METHOD(Fixture, "an upgrade that fails leaves the file as it was") {
  store_all(*open(), series("a", 300, 7));
  make_format_1();
  run("CREATE VIEW tributary_events_rollups AS SELECT 1");
  REQUIRE_FALSE(open_sqlite_store({.file = file}, schema));
  REQUIRE(integer("PRAGMA user_version") == 1);
  run("DROP VIEW tributary_events_rollups");
  require_true(*open(), "a");
}

TEST_CASE_METHOD(Fixture, "each table of a file of format 1 gets its rollups when it is opened") {
  store_all(*open("first"), series("a", 300, 7));
  store_all(*open("second"), series("a", 400, 7));
  run("DROP TABLE tributary_first_rollups; DROP TABLE tributary_second_rollups; "
      "ALTER TABLE tributary_tables DROP COLUMN rollups; PRAGMA user_version = 1");
  require_true(*open("first"), "a");
  REQUIRE(integer("SELECT count(*) FROM tributary_tables WHERE rollups IS NULL") == 1);
  require_true(*open("second"), "a");
  REQUIRE(integer("SELECT count(*) FROM tributary_tables WHERE rollups IS NULL") == 0);
}

TEST_CASE_METHOD(Fixture, "a schema that changed its series has the rollups of the new one") {
  const std::string properties =
      R"({"id":{"type":"integer"},"a":{"type":"string"},"b":{"type":"string"}})";
  const auto with_series = [&](const std::string& of) {
    return custom_schema(properties, R"({"key":["a","id"])" + of + "}");
  };
  const auto* const before = GENERATE("", R"(,"series":"a")");
  schema = with_series(before);
  std::vector<Event> events;
  auto time = time_of("2026-01-21T10:00:00Z");
  for (int id = 0; id < 600; ++id, time.seconds += 5) {
    events.push_back(decode(schema, json{{"id", id},
                                         {"a", std::to_string(id % 2)},
                                         {"b", std::to_string(id % 3)},
                                         {"kind", "reading"},
                                         {"n", id},
                                         {"at", time.text()}}
                                        .dump()));
  }
  store_all(*open(), events);
  const Filter of_all{.field = "kind", .value = "reading"};
  for (const std::string name : {"b", "a", "b"}) {
    schema = with_series(R"(,"series":")" + name + "\"");
    const auto store = open();
    require_true(*store, {{.field = name, .value = "1"}}, of_all);
    require_true(*store, {}, of_all);
    REQUIRE(store->series({})->series.size() == (name == "a" ? 2 : 3));
  }
}

TEST_CASE_METHOD(Fixture, "rollups that somebody lost are not missed, and can be made anew") {
  store_all(*open(), series("a", 300, 10));
  run("DELETE FROM tributary_events_rollups WHERE scope = 0");
  require_true(*open(), "a");
  run("UPDATE tributary_events_rollups SET fields = x'00'; "
      "UPDATE tributary_events_rollups SET fields = x'0012' WHERE series = '\"a\"'");
  const auto store = open();
  const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:05Z"));
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains("SET rollups = NULL"));
  run("UPDATE tributary_tables SET rollups = NULL");
  require_true(*open(), "a");
}

}  // namespace tributary::collector
