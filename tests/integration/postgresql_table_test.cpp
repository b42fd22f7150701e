// Tables that others made: which ones serve, and what is said of the others.

#include <catch2/catch.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/postgresql_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using enum Outcome::Verdict;

constexpr const char* kOwn = "_tributary_extra jsonb, _tributary_hash bytea, _tributary jsonb";

struct Fixture : PostgresqlFixture {
  Fixture() {
    schema = built_in("clickstream");
    open();
  }
  // `columns` beside our own.
  void create(const std::string& columns) {
    database.run("DROP TABLE IF EXISTS events");
    database.run("CREATE TABLE events (" + columns +
                 ", event_time_ns integer NOT NULL DEFAULT 0, " + kOwn + ")");
  }
  void create_as_expected_with(const std::string& more = "") {
    create(
        "event_id uuid PRIMARY KEY, event_time timestamptz NOT NULL, event_type text, page text, "
        "user_id bigint" +
        more);
  }
  // Why the table isn't written to.
  std::string refused() {
    const auto events = clicks(schema, 2);
    const auto outcomes = store->write(events);
    REQUIRE(verdicts(outcomes) == std::vector{retry, retry});
    REQUIRE(outcomes[0].detail == problem());
    return problem();
  }
  void require_stored() {
    store_all(*store, clicks(schema, 3));
    REQUIRE(verdicts(store->write(clicks(schema, 3))) == std::vector(3, duplicate));
    REQUIRE(store->health().up);
    REQUIRE(page_of(*store, {}).events.size() == 3);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a table with a primary key, narrower columns and more of them serves") {
  create(
      "id bigserial, event_id uuid PRIMARY KEY, note text, "
      "arrived timestamptz NOT NULL DEFAULT now(), event_time timestamptz NOT NULL, "
      "event_type varchar(20), page varchar, user_id integer");
  require_stored();
  REQUIRE(store->health().warning);
  REQUIRE_THAT(store->health().detail, Catch::Contains("CREATE INDEX") &&
                                           Catch::Contains("(\"event_time\", ") &&
                                           Catch::Contains("(\"user_id\", "));
  REQUIRE(numbers_where(*store, {{.field = "user_id", .value = "7"}}).empty());
  REQUIRE(page_of(*store, {.filters = {{.field = "user_id", .value = "1"}}}).events.size() == 1);
  REQUIRE(series_of(*store, {}).series.size() == 3);
}

TEST_CASE_METHOD(Fixture, "members may be called as our own SQL calls things, or the server") {
  store.reset();
  schema = custom_schema(
      R"({"ordinal":{"type":"integer"},"xmin":{"type":"integer"},"ctid":{"type":"string"},
          "select":{"type":"number"},"Order":{"type":"boolean"},"b":{"type":"integer"},
          "t":{"type":"string"},"e":{"type":"object"},"f0":{"type":"number"}})",
      R"({"key":["ordinal","t"]})");
  open();
  const std::string text = R"({"Order":true,"at":"2026-01-21T10:00:00Z","b":1,"ctid":"x","e":{},)"
                           R"("f0":2.5,"ordinal":7,"select":1,"t":"y","xmin":3})";
  std::vector<Event> events;
  events.push_back(decode(schema, text));
  REQUIRE(verdicts(store->write(events)) == std::vector{stored});
  REQUIRE(verdicts(store->write(events)) == std::vector{duplicate});
  for (const auto& filter : std::vector<Filter>{{"ordinal", "7"}, {"xmin", "3"}, {"b", "1"}}) {
    REQUIRE(page_of(*store, {.filters = {filter}}).events == std::vector{text});
  }
  const auto buckets = buckets_of(*store, {.fields = {{"f0"}, {"b"}, {"xmin"}}}).buckets;
  REQUIRE(buckets.at(0).fields.at(0).sum == 2.5);
  REQUIRE(buckets.at(0).fields.at(1).sum == 1);
  REQUIRE(buckets.at(0).fields.at(2).sum == 3);
}

TEST_CASE_METHOD(Fixture, "a table that others read by their language's order serves") {
  schema = built_in("telemetry");
  open();
  database.run(
      "CREATE TABLE events (sensor_id text COLLATE \"en-x-icu\", timestamp timestamptz,"
      " timestamp_ns integer DEFAULT 0, humidity double precision, location json,"
      " temperature double precision, " +
      std::string(kOwn) + ", PRIMARY KEY (timestamp_ns, sensor_id, timestamp))");
  std::vector<Event> events;
  for (const auto* sensor : {"b", "A", "a", "B"}) {
    events.push_back(reading(sensor, "2026-01-21T10:00:00Z"));
  }
  store_all(*store, events);
  REQUIRE(verdicts(store->write(events)) == std::vector(4, duplicate));
  REQUIRE(all_pages(*store, {.limit = 1}) ==
          std::vector{events[1].json, events[3].json, events[2].json, events[0].json});
  REQUIRE(ids_of(all_series(*store, {.limit = 1})) ==
          std::vector<std::string>{"\"A\"", "\"B\"", "\"a\"", "\"b\""});
}

TEST_CASE_METHOD(Fixture, "a table that would round numbers is not written to") {
  schema = built_in("telemetry");
  open();
  for (const auto* type : {"real", "numeric", "numeric(5,2)"}) {
    CAPTURE(type);
    database.run("DROP TABLE IF EXISTS events");
    database.run(
        "CREATE TABLE events (sensor_id text NOT NULL, timestamp timestamptz NOT NULL,"
        " timestamp_ns integer NOT NULL DEFAULT 0, humidity double precision, location jsonb,"
        " temperature " +
        std::string(type) + ", " + kOwn + ", PRIMARY KEY (sensor_id, timestamp, timestamp_ns))");
    const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:00Z"));
    REQUIRE(outcome.verdict == retry);
    REQUIRE_THAT(outcome.detail, Catch::Contains("\"temperature\" as "));
  }
}

TEST_CASE_METHOD(
    Fixture, "a table that was given another name keeps its indexes, and a new one gets its own") {
  require_stored();
  database.run("ALTER TABLE events RENAME TO events_2025");
  REQUIRE(stream_verbs::eventually(
      [&] { return store->write(clicks(schema, 3))[0].verdict == stored; }));
  REQUIRE(store->health().up);
  REQUIRE_FALSE(store->health().warning);
  REQUIRE(page_of(*store, {}).events.size() == 3);
}

TEST_CASE_METHOD(Fixture, "a table without a unique index on the key is not written to") {
  create(
      "event_id uuid NOT NULL, event_time timestamptz NOT NULL, event_type text, page text, "
      "user_id bigint");
  const auto why = refused();
  const auto command = why.find("CREATE UNIQUE INDEX");
  REQUIRE_THAT(why, Catch::Contains("no unique index on the key"));
  REQUIRE(command != std::string::npos);
  database.run(why.substr(command));
  require_stored();
}

TEST_CASE_METHOD(Fixture, "a table that lacks columns says with which statement it gets them") {
  database.run(
      "CREATE TABLE events (event_id uuid PRIMARY KEY, user_id integer, event_type text,"
      " event_time timestamptz NOT NULL)");
  database.run(
      "INSERT INTO events VALUES ('00000000-0000-0000-0000-000000000001', 7, 'old',"
      " '2026-01-21T09:00:00Z')");
  const auto why = refused();
  const auto command = why.find("ALTER TABLE");
  REQUIRE(command != std::string::npos);
  database.run(why.substr(command));
  store_all(*store, clicks(schema, 3));
  REQUIRE(page_of(*store, {}).events.at(0) ==
          R"({"event_id":"00000000-0000-0000-0000-000000000001",)"
          R"("event_time":"2026-01-21T09:00:00Z","event_type":"old","user_id":7})");
}

TEST_CASE_METHOD(Fixture, "what else keeps a table from being written to is told") {
  create(
      "event_id text PRIMARY KEY, event_time timestamptz NOT NULL, event_type text, page text, "
      "user_id bigint");
  REQUIRE_THAT(refused(), Catch::Contains("\"event_id\" as text"));
  create(
      "event_id uuid PRIMARY KEY, event_time timestamptz(3) NOT NULL, event_type text, "
      "page text, user_id bigint");
  REQUIRE_THAT(refused(),
               Catch::Contains("\"event_time\" as timestamp with time zone with a limit"));
  create(
      "event_id uuid UNIQUE, event_time timestamptz NOT NULL, event_type text, page text, "
      "user_id bigint");
  REQUIRE_THAT(refused(), Catch::Contains("allows NULL in the column \"event_id\""));
  create_as_expected_with(", tenant integer NOT NULL");
  REQUIRE_THAT(refused(), Catch::Contains("demands a value in the column \"tenant\""));
  create_as_expected_with(", doubled bigint GENERATED ALWAYS AS (user_id * 2) STORED");
  require_stored();
  database.run("DROP TABLE events");
  database.run("CREATE VIEW events AS SELECT 1 AS event_id");
  open();
  REQUIRE_THAT(refused(), Catch::Contains("a view, say"));
}

TEST_CASE_METHOD(Fixture, "a unique index that goes away stops the writing, until it is back") {
  require_stored();
  database.run("DROP INDEX events_tributary_key");
  const auto more = clicks(schema, 4);
  REQUIRE(store->write(more).front().verdict == retry);
  REQUIRE_THAT(store->write(more).front().detail, Catch::Contains("CREATE UNIQUE INDEX"));
  REQUIRE(count() == 3);
  database.run("CREATE UNIQUE INDEX ON events (event_id)");
  REQUIRE(verdicts(store->write(more)) == std::vector{duplicate, duplicate, duplicate, stored});
}

TEST_CASE_METHOD(Fixture,
                 "a table that comes to demand more stops the writing, and rejects nothing") {
  require_stored();
  database.run("ALTER TABLE events ADD COLUMN tenant integer NOT NULL DEFAULT 7");
  database.run("ALTER TABLE events ALTER COLUMN tenant DROP DEFAULT");
  const auto more = clicks(schema, 5);
  REQUIRE(verdicts(store->write(more)) == std::vector(5, retry));
  REQUIRE_THAT(problem(), Catch::Contains("demands a value in the column \"tenant\""));
  database.run("ALTER TABLE events ALTER COLUMN tenant DROP NOT NULL");
  REQUIRE(verdicts(store->write(more)) ==
          std::vector{duplicate, duplicate, duplicate, stored, stored});
}

TEST_CASE_METHOD(Fixture, "a table that is dropped is made again") {
  require_stored();
  database.run("DROP TABLE events");
  REQUIRE(page_of(*store, {}).events.empty());
  REQUIRE(store->write(clicks(schema, 3)).front().verdict == retry);
  require_stored();
}

TEST_CASE_METHOD(Fixture, "a user without the right to write is told so, and goes on with it") {
  const auto user = "u" + database.name();
  database.run("CREATE USER " + user + " PASSWORD 'Secret-Word-1'");
  store->write({});
  auto opened = open_postgresql_store(
      {.uri = database.uri_of("nobody", "x"), .user = user, .password = "Secret-Word-1"}, schema);
  REQUIRE(opened.has_value());
  const auto events = clicks(schema, 1);
  const auto outcome = (*opened)->write(events).front();
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains("permission denied") && Catch::Contains("42501"));
  REQUIRE_THAT(outcome.detail, !Catch::Contains("Secret"));
  database.run("GRANT SELECT, INSERT ON events TO " + user);
  REQUIRE((*opened)->write(events).front().verdict == stored);
  opened->reset();
  database.run("DROP OWNED BY " + user);
  database.run("DROP USER " + user);
}

TEST_CASE_METHOD(Fixture, "a table of partitions serves") {
  schema = built_in("telemetry");
  open();
  database.run(
      "CREATE TABLE events (sensor_id text NOT NULL, timestamp timestamptz NOT NULL,"
      " timestamp_ns integer NOT NULL DEFAULT 0, humidity float8, location jsonb,"
      " temperature float8, " +
      std::string(kOwn) +
      ", UNIQUE (sensor_id, timestamp, timestamp_ns)) PARTITION BY RANGE (timestamp)");
  database.run(
      "CREATE TABLE old PARTITION OF events FOR VALUES FROM (MINVALUE) TO "
      "('2026-01-21T10:00:05Z')");
  database.run("CREATE TABLE new PARTITION OF events DEFAULT");
  const auto events = readings("a", 10);
  store_all(*store, std::span(events).first(6));
  auto outcomes = verdicts(store->write(events));
  REQUIRE(std::ranges::count(outcomes, duplicate) == 6);
  REQUIRE(std::ranges::count(outcomes, stored) == 4);
  REQUIRE(numbers(all_pages(*store, {.limit = 3})) == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

}  // namespace tributary::collector
