// A server that is away, silent or unwilling: nothing is called stored, and all goes on when it is
// back.

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/postgresql_fixture.h"
#include "tests/support/services.h"
#include "tests/support/tcp_proxy.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using enum Outcome::Verdict;

// The store reaches its server by a proxy.
struct Fixture : PostgresqlFixture {
  TcpProxy proxy{port_of(postgresql_address())};

  Fixture() {
    auto uri = database.uri("connect_timeout=2");
    const auto port = std::to_string(port_of(postgresql_address()));
    uri.replace(uri.rfind(":" + port) + 1, port.size(), std::to_string(proxy.port()));
    auto opened = open_postgresql_store(
        {.uri = uri, .user = {}, .password = {}, .write_time = 1s, .query_time = 1s}, schema);
    if (!opened) FAIL(opened.error().message());
    store = std::move(*opened);
  }
  // It is destroyed before the proxy is: the fixture's base would keep it longer.
  ~Fixture() { store.reset(); }

  // As the persister does: again, until nothing is left to retry.
  void write_until_done(std::span<const Event> events) {
    wait_until([&] {
      return std::ranges::none_of(store->write(events),
                                  [](const auto& outcome) { return outcome.verdict == retry; });
    });
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "connections to PostgreSQL that break are made again, and lose nothing") {
  const auto events = readings("a", 3'000);
  store_all(*store, std::span(events).first(1'000));
  REQUIRE(page_of(*store, {.limit = 10'000}).events.size() == 1'000);
  proxy.cut();
  write_until_done(events);
  REQUIRE(store->health().up);
  REQUIRE(count() == events.size());
  proxy.cut();
  REQUIRE(page_of(*store, {.limit = 10'000}).events.size() == events.size());
}

TEST_CASE_METHOD(Fixture, "a server that ends its connections is gone on with") {
  const auto events = readings("a", 100);
  store_all(*store, std::span(events).first(10));
  page_of(*store, {});
  database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
               database.name() + "' AND pid <> pg_backend_pid()");
  write_until_done(events);
  REQUIRE(page_of(*store, {}).events.size() == 100);
}

TEST_CASE_METHOD(Fixture, "a silent PostgreSQL is retried within the limits, and then goes on") {
  const auto before = readings("a", 10);
  store_all(*store, before);
  REQUIRE(page_of(*store, {}).events.size() == before.size());
  proxy.stall(true);
  const auto begun = std::chrono::steady_clock::now();
  const auto event = reading("b", "2026-01-21T10:00:00Z");
  const auto outcome = write_one(*store, event);
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains(database.name() + " on 127.0.0.1:") &&
                                   Catch::Contains("no answer within the time allowed"));
  REQUIRE(write_one(*store, event).verdict == retry);  // a new connection gets none either
  REQUIRE_FALSE(store->query({}).has_value());
  REQUIRE(std::chrono::steady_clock::now() - begun < 15s);
  REQUIRE_FALSE(store->health().up);

  proxy.stall(false);
  write_until_done({&event, 1});
  wait_until([&] { return store->query({}).has_value() && store->health().up; });
  REQUIRE(page_of(*store, {}).events.size() == before.size() + 1);
}

TEST_CASE_METHOD(Fixture, "a table that somebody locks is waited for, within the limits") {
  store->write({});
  database.run("BEGIN");
  database.run("LOCK TABLE events");
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  const auto outcome = write_one(*store, event);
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains("timeout"));
  database.run("COMMIT");
  write_until_done({&event, 1});
}

TEST_CASE_METHOD(Fixture,
                 "health tells of a PostgreSQL that went away, and of its return, without use") {
  wait_until([&] { return store->health().up; });
  proxy.stall(true);
  wait_until([&] { return !store->health().up; });
  REQUIRE_THAT(problem(), Catch::Contains(database.name() + " on 127.0.0.1:"));
  proxy.stall(false);
  wait_until([&] { return store->health().up; });
}

TEST_CASE("a PostgreSQL store opens without its server, and says that it is down") {
  auto store = open_postgresql_store(
      {.uri = "postgresql://gateway:Secret-Word@127.0.0.1:1/x", .user = {}, .password = {}},
      built_in("telemetry"));
  REQUIRE(store.has_value());
  REQUIRE_FALSE((*store)->health().up);
  REQUIRE_THAT((*store)->health().detail, Catch::Contains("x on 127.0.0.1:1"));
  const auto outcomes = (*store)->write(readings("a", 3));
  REQUIRE(verdicts(outcomes) == std::vector(3, retry));
  REQUIRE_THAT(outcomes[0].detail,
               Catch::Contains("Connection refused") && !Catch::Contains("Secret"));
  REQUIRE((*store)->query({}).error() == errc::unavailable);
}

TEST_CASE_METHOD(PostgresqlFixture,
                 "a user whom PostgreSQL doesn't let in is named, not the password") {
  store = *open_postgresql_store(
      {.uri = database.uri(), .user = "gateway", .password = "Secret-Word-1"}, schema);
  const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:00Z"));
  REQUIRE(outcome.verdict == retry);
  for (const auto& text :
       {outcome.detail, store->health().detail, store->query({}).error().message()}) {
    CAPTURE(text);
    REQUIRE_THAT(text, Catch::Contains("\"gateway\"") && Catch::Contains(database.name()));
    REQUIRE_THAT(text, !Catch::Contains("Secret"));
  }
}

}  // namespace tributary::collector
