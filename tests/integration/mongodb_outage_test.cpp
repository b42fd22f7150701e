// A server that is away, silent or unwilling: nothing is called stored, and all goes on when it is
// back.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/contract/store_verbs.h"
#include "tests/integration/mongodb_fixture.h"
#include "tests/support/services.h"
#include "tests/support/tcp_proxy.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using enum Outcome::Verdict;

// The store reaches its server by a proxy.
struct Fixture : MongodbFixture {
  TcpProxy proxy{port_of(mongodb_address())};

  Fixture() { open_by_proxy(); }
  // It is destroyed before the proxy is: the fixture's base would keep it longer.
  ~Fixture() { store.reset(); }

  void open_by_proxy() {
    store.reset();
    auto opened = open_mongodb_store(
        {.uri = "mongodb://127.0.0.1:" + std::to_string(proxy.port()) + "/" + database.name() +
                "?directConnection=true&socketTimeoutMS=1000&connectTimeoutMS=1000"
                "&serverSelectionTimeoutMS=1000",
         .user = {},
         .password = {}},
        schema);
    if (!opened) FAIL(opened.error().message());
    store = std::move(*opened);
  }
  // As the persister does: again, until nothing is left to retry.
  std::vector<Outcome::Verdict> write_until_done(std::span<const Event> events) {
    std::vector<Outcome> outcomes;
    wait_until([&] {
      outcomes = store->write(events);
      return std::ranges::none_of(outcomes,
                                  [](const auto& outcome) { return outcome.verdict == retry; });
    });
    return verdicts(outcomes);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "connections that break are made again, and lose nothing") {
  const auto events = readings("a", 3'000);
  store_all(*store, std::span(events).first(1'000));
  proxy.cut();
  write_until_done(events);
  REQUIRE(store->health().up);
  REQUIRE(database.find("events").size() == events.size());
  proxy.cut();
  wait_until([&] { return store->query({.limit = 10'000}).has_value(); });
  REQUIRE(page_of(*store, {.limit = 10'000}).events.size() == events.size());
}

TEST_CASE_METHOD(Fixture, "a silent server is retried within the timeouts, and then goes on") {
  const auto before = readings("a", 10);
  store_all(*store, before);
  proxy.stall(true);
  const auto begun = std::chrono::steady_clock::now();
  const auto event = reading("b", "2026-01-21T10:00:00Z");
  const auto outcome = write_one(*store, event);
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains(database.name() + " on 127.0.0.1:"));
  const auto page = store->query({});
  REQUIRE_FALSE(page);
  REQUIRE(page.error() == errc::unavailable);
  REQUIRE(std::chrono::steady_clock::now() - begun < 25s);
  REQUIRE_FALSE(store->health().up);

  proxy.stall(false);
  write_until_done({&event, 1});
  wait_until([&] { return store->query({}).has_value() && store->health().up; });
  REQUIRE(page_of(*store, {}).events.size() == before.size() + 1);
}

TEST_CASE_METHOD(Fixture, "an event whose answer got lost is stored, not a duplicate") {
  store->write({});
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  proxy.stall(true);
  REQUIRE(write_one(*store, event).verdict == retry);
  proxy.stall(false);  // what was held back may get through now
  REQUIRE(write_until_done({&event, 1}) == std::vector{stored});
  REQUIRE(write_one(*store, event).verdict == duplicate);
}

TEST_CASE_METHOD(Fixture,
                 "health tells of a server that went away, and of its return, without use") {
  wait_until([&] { return store->health().up; });
  proxy.stall(true);
  wait_until([&] { return !store->health().up; });
  REQUIRE_THAT(problem(), Catch::Contains("no primary can be reached"));
  proxy.stall(false);
  proxy.cut();
  wait_until([&] { return store->health().up; });
}

TEST_CASE("a store opens without its server, and says that it is down") {
  auto store = open_mongodb_store(
      {.uri = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300", .user = {}, .password = {}},
      built_in("telemetry"));
  REQUIRE(store.has_value());
  REQUIRE_FALSE((*store)->health().up);
  REQUIRE_THAT((*store)->health().detail, Catch::Contains("x on 127.0.0.1:1"));
  const auto outcomes = (*store)->write(readings("a", 3));
  REQUIRE(verdicts(outcomes) == std::vector(3, retry));
  REQUIRE_THAT(outcomes[0].detail, Catch::Contains("Failed to connect"));
  REQUIRE((*store)->query({}).error() == errc::unavailable);
}

TEST_CASE_METHOD(MongodbFixture, "a write that not enough servers acknowledge is retried") {
  store->write({});
  open("w=2&wtimeoutMS=100");
  const auto outcomes = store->write(readings("a", 3));
  REQUIRE(verdicts(outcomes) == std::vector(3, retry));
  REQUIRE_FALSE(store->health().up);
  open();
  REQUIRE(verdicts(store->write(readings("a", 3))) == std::vector(3, duplicate));
}

TEST_CASE_METHOD(MongodbFixture, "options that give promises up are shown") {
  open("w=1");
  store->write({});
  wait_until([&] { return store->health().up; });
  REQUIRE(store->health().warning);
  REQUIRE_THAT(store->health().detail, Catch::StartsWith("w=1"));
  open("journal=false");
  store->write({});
  wait_until([&] { return store->health().up; });
  REQUIRE(store->health().warning);
}

TEST_CASE_METHOD(MongodbFixture, "a user who isn't let in is named, the password isn't") {
  store.reset();
  auto opened = open_mongodb_store(
      {.uri = database.uri("authSource=admin"), .user = "gateway", .password = "Secret-Word-1"},
      schema);
  REQUIRE(opened.has_value());
  const auto outcome = write_one(**opened, reading("a", "2026-01-21T10:00:00Z"));
  REQUIRE(outcome.verdict == retry);
  for (const auto& text :
       {outcome.detail, (*opened)->health().detail, (*opened)->query({}).error().message()}) {
    CAPTURE(text);
    REQUIRE_THAT(text, Catch::Contains("\"gateway\"") && Catch::Contains(database.name()));
    REQUIRE_THAT(text, !Catch::Contains("Secret"));
  }
}

TEST_CASE("a URI that can't keep the promises is refused, without its password") {
  const auto refused = [](const std::string& uri) {
    CAPTURE(uri);
    const auto checked = check_mongodb_uri(uri);
    REQUIRE_FALSE(checked.has_value());
    REQUIRE(checked.error() == errc::invalid_argument);
    REQUIRE_THAT(checked.error().message(), !Catch::Contains("Secret"));
    return checked.error().message();
  };
  REQUIRE_THAT(refused("mongodb://host"), Catch::Contains("names no database"));
  REQUIRE_THAT(refused("mongodb://host/"), Catch::Contains("names no database"));
  REQUIRE_THAT(refused("mongodb://host/db?w=0"), Catch::Contains("w=0"));
  REQUIRE_THAT(refused("http://host/db"), Catch::Contains("mongodb://host:port/database"));
  refused("mongodb://user:Secret/wrong@host/db");
  refused("mongodb://user:Secret@host:port/db");
  refused("");
  refused("mongodb://user:Word@Secret@host/db");
  REQUIRE(check_mongodb_uri("mongodb://user:Word%40Secret@host/db").value() == "db on host:27017");
  REQUIRE(check_mongodb_uri("mongodb://user:Secret@a:1,b/db?replicaSet=rs0").value() ==
          "db on a:1,b:27017");
}

}  // namespace tributary::collector
