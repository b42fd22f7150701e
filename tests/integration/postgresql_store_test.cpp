// Rows as other programs find them, and events that the server refuses.

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/contract/store_verbs.h"
#include "tests/integration/postgresql_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using enum Outcome::Verdict;
using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(PostgresqlFixture, "SELECT * shows what was posted") {
  schema = built_in("clickstream");
  open();
  auto event = decode(schema, R"({"event_id":"C2EEBC99-9c0b-4ef8-bb6d-6bb9bd380a33","user_id":101,
      "event_type":"checkout","page":"/checkout/success","event_time":"2026-01-13T10:20:00.1234567Z",
      "basket":{"items":2}})");
  event.origin = {.received_at = time_of("2026-01-13T10:20:01Z"),
                  .source = "http",
                  .schema = schema.id(),
                  .edge = {},
                  .log = {},
                  .sequence = {}};
  store_one(*store, event);
  database.run("SET TimeZone = 'UTC'");
  REQUIRE(database.run("SELECT event_id, event_time, event_time_ns, event_type, page, user_id,"
                       " _tributary_extra, length(_tributary_hash),"
                       " _tributary - 'schema' FROM events") ==
          Rows{"c2eebc99-9c0b-4ef8-bb6d-6bb9bd380a33|2026-01-13 10:20:00.123456+00|700|checkout|"
               "/checkout/success|101|{\"basket\": {\"items\": 2}}|16|"
               "{\"source\": \"http\", \"received_at\": \"2026-01-13T10:20:01Z\"}"});
  REQUIRE(database.run("SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY "
                       "ordinal_position) FROM information_schema.columns WHERE table_name = "
                       "'events'") ==
          Rows{"event_id uuid, event_time timestamp with time zone, event_time_ns integer, "
               "event_type text, page text, user_id bigint, _tributary_extra jsonb, "
               "_tributary_hash bytea, _tributary jsonb"});
}

TEST_CASE_METHOD(PostgresqlFixture,
                 "of 5,000 events one that its column can't hold is rejected alone") {
  schema = built_in("clickstream");
  open();
  store->write({});
  database.run("ALTER TABLE events ALTER COLUMN user_id TYPE integer");
  open();
  auto batch = clicks(schema, 5'000);
  batch[3'210] = decode(schema, R"({"event_id":"c2eebc99-9c0b-4ef8-bb6d-6bb9bd380a33",
      "user_id":9000000000,"event_type":"click","page":"/","event_time":"2026-01-21T10:00:00Z"})");
  const auto begun = database.run("SELECT pg_current_xact_id()").at(0);
  const auto outcomes = store->write(batch);
  const auto ended = database.run("SELECT pg_current_xact_id()").at(0);
  for (std::size_t n = 0; n < batch.size(); ++n) {
    CAPTURE(n, outcomes[n].detail);
    REQUIRE(outcomes[n].verdict == (n == 3'210 ? rejected : stored));
  }
  REQUIRE_THAT(outcomes[3'210].detail,
               Catch::Contains("SQLSTATE 22003") && Catch::Contains("out of range"));
  REQUIRE(count() == 4'999);
  REQUIRE(store->health().up);
  REQUIRE(std::stoul(ended) - std::stoul(begun) < 40);  // others use this server too
}

TEST_CASE_METHOD(PostgresqlFixture, "an event with a NUL is rejected alone, with the SQLSTATE") {
  auto batch = readings("a", 5'000);
  batch[42] = reading(std::string("a\0b", 3), "2026-01-21T10:00:00Z");
  batch[43] = reading("b", "2026-01-21T10:00:00Z", R"(,"x":{"y":"\u0000"})");
  const auto outcomes = store->write(batch);
  REQUIRE(std::ranges::count(verdicts(outcomes), stored) == 4'998);
  REQUIRE(outcomes[42].verdict == rejected);
  REQUIRE_THAT(outcomes[42].detail, Catch::Contains("SQLSTATE 22021"));
  REQUIRE(outcomes[43].verdict == rejected);
  REQUIRE_THAT(outcomes[43].detail, Catch::Contains("SQLSTATE 22P05"));
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(PostgresqlFixture, "events that a constraint of others refuses are rejected") {
  store->write({});
  database.run("ALTER TABLE events ADD CHECK (temperature < 50)");
  database.run("CREATE UNIQUE INDEX theirs ON events ((_tributary_extra -> 'n'))");
  auto batch = readings("a", 50);
  batch.push_back(reading("b", "2026-01-21T10:00:00Z", R"(,"n":7)"));
  batch.push_back(decode(schema, R"({"sensor_id":"hot","timestamp":"2026-01-21T10:00:00Z",
      "temperature":51,"humidity":1,"location":{"latitude":1,"longitude":1}})"));
  const auto outcomes = store->write(batch);
  for (std::size_t n = 0; n < 50; ++n) REQUIRE(outcomes[n].verdict == stored);
  REQUIRE(outcomes[50].verdict == rejected);
  REQUIRE_THAT(outcomes[50].detail, Catch::Contains("23505") && Catch::Contains("theirs"));
  REQUIRE(outcomes[51].verdict == rejected);
  REQUIRE_THAT(outcomes[51].detail, Catch::Contains("23514"));
  const auto again = verdicts(store->write(batch));
  REQUIRE(std::ranges::count(again, duplicate) == 50);
  REQUIRE(std::ranges::count(again, rejected) == 2);
}

TEST_CASE_METHOD(PostgresqlFixture, "a constraint that is looked at with the commit refuses too") {
  store->write({});
  database.run("CREATE TABLE sensors (id text PRIMARY KEY)");
  database.run("INSERT INTO sensors VALUES ('a')");
  database.run(
      "ALTER TABLE events ADD FOREIGN KEY (sensor_id) REFERENCES sensors"
      " DEFERRABLE INITIALLY DEFERRED");
  auto batch = readings("a", 20);
  batch.push_back(reading("b", "2026-01-21T10:00:00Z"));
  const auto outcomes = store->write(batch);
  REQUIRE(std::ranges::count(verdicts(outcomes), stored) == 20);
  REQUIRE(outcomes.back().verdict == rejected);
  REQUIRE_THAT(outcomes.back().detail, Catch::Contains("23503"));
}

TEST_CASE_METHOD(PostgresqlFixture, "a row without a hash is compared by what it says") {
  store->write({});
  database.run(
      "INSERT INTO events (sensor_id, timestamp, humidity, temperature, location) VALUES "
      "('a', '2026-01-21T10:00:00Z', 40.5, 20, '{\"longitude\": 2.0, \"latitude\": 1}'), "
      "('b', '2026-01-21T10:00:00Z', 40.5, 21, '{\"longitude\": 2.0, \"latitude\": 1}')");
  std::vector<Event> batch;
  for (const auto* sensor : {"a", "b", "c"}) {
    batch.push_back(reading(sensor, "2026-01-21T10:00:00Z"));
  }
  REQUIRE(verdicts(store->write(batch)) == std::vector{duplicate, conflict, stored});
  REQUIRE(page_of(*store, {}).events.at(0) == batch[0].json);
}

TEST_CASE_METHOD(PostgresqlFixture, "two that write the same events at once store each once") {
  PostgresqlFixture* const self = this;
  auto second = open_postgresql_store({.uri = database.uri(), .user = {}, .password = {}}, schema);
  REQUIRE(second.has_value());
  constexpr int kBatches = 20;
  std::size_t times_stored = 0;
  for (int n = 0; n < kBatches; ++n) {
    auto one = readings("s" + std::to_string(n), 500);
    auto other = readings("s" + std::to_string(n), 500);
    std::ranges::reverse(other);
    std::vector<Outcome> of_other;
    std::jthread thread([&] { of_other = (*second)->write(other); });
    const auto of_one = self->store->write(one);
    thread.join();
    for (std::size_t i = 0; i < one.size(); ++i) {
      const auto pair = std::vector{of_one[i].verdict, of_other[one.size() - 1 - i].verdict};
      CAPTURE(of_one[i].detail, of_other[one.size() - 1 - i].detail);
      REQUIRE((pair == std::vector{stored, duplicate} || pair == std::vector{duplicate, stored}));
      ++times_stored;
    }
  }
  REQUIRE(count() == times_stored);
}

TEST_CASE_METHOD(PostgresqlFixture, "stores that make one table at once all find it") {
  std::vector<std::unique_ptr<Store>> stores;
  for (int n = 0; n < 4; ++n) {
    stores.push_back(
        *open_postgresql_store({.uri = database.uri(), .user = {}, .password = {}}, schema));
  }
  std::vector<std::jthread> threads;
  std::vector<Outcome::Verdict> found(stores.size());
  for (std::size_t n = 0; n < stores.size(); ++n) {
    threads.emplace_back([&, n] {
      const auto event =
          decode(schema, reading_text("s" + std::to_string(n), "2026-01-21T10:00:00Z"));
      found[n] = stores[n]->write({&event, 1}).front().verdict;
    });
  }
  threads.clear();
  REQUIRE(found == std::vector(stores.size(), stored));
}

TEST_CASE_METHOD(PostgresqlFixture, "what is stored is durable, whatever the server's default is") {
  store->write({});
  database.run("ALTER DATABASE " + database.name() + " SET synchronous_commit = off");
  database.run("CREATE TABLE said (setting text)");
  database.run(
      "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "INSERT INTO said VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$");
  database.run("CREATE TRIGGER say BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION say()");
  open();
  store_one(*store, reading("a", "2026-01-21T10:00:00Z"));
  REQUIRE(database.run("SELECT * FROM said") == Rows{"on"});
}

TEST_CASE_METHOD(PostgresqlFixture, "rows of others that are no events are passed over") {
  store_all(*store, readings("a", 3));
  database.run(
      "INSERT INTO events (sensor_id, timestamp) VALUES ('a', 'infinity'), ('a', "
      "'-infinity'), ('b', '4000-01-01 BC')");
  for (const bool descending : {false, true}) {
    REQUIRE(all_pages(*store, {.descending = descending, .limit = 1}).size() == 3);
  }
  REQUIRE(ids_of(all_series(*store, {.limit = 1})).size() <= 2);
}

TEST_CASE_METHOD(PostgresqlFixture, "a question that takes too long says how to ask for less") {
  store_all(*store, readings("a", 10'000));
  store_all(*store, readings("b", 10'000));
  auto hasty = open_postgresql_store({.uri = database.uri(),
                                      .user = {},
                                      .password = {},
                                      .query_time = std::chrono::milliseconds(1)},
                                     schema);
  REQUIRE(hasty.has_value());
  const auto refused = (*hasty)->aggregate({.bucket = std::chrono::milliseconds(7'000)});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error() == errc::timed_out);
  REQUIRE(refused.error().message() ==
          "the query took longer than 1 ms: narrow it with start and end, or by its series");
  REQUIRE_THAT((*hasty)->health().detail, !Catch::Contains("took longer"));
}

}  // namespace tributary::collector
