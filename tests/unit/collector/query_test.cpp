// GET /data over a real store and a real server: parameters, pages and mistakes.

#include "collector/api/query.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "collector/store/sqlite_store.h"
#include "tests/contract/store_verbs.h"
#include "tests/unit/collector/query_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using nlohmann::json;

struct Fixture {
  TemporaryDirectory directory;
  QueryServer server;
  Store& readings_store = add("telemetry");
  Store& clicks_store = add("clickstream");

  Store& add(const std::string& name) {
    auto store = open_sqlite_store({.file = directory.path() / (name + ".db")}, built_in(name));
    if (!store) FAIL(store.error().message());
    return *server.add(name, built_in(name), std::move(*store)).store;
  }

  // Stores five readings of a and b in turn, 10:00:00 to 10:00:04.
  Fixture() {
    std::vector<Event> events;
    for (int n = 0; n < 5; ++n) {
      events.push_back(
          reading(n % 2 == 0 ? "a" : "b", "2026-01-21T10:00:0" + std::to_string(n) + "Z",
                  ",\"n\":" + std::to_string(n) + ",\"limit\":" + std::to_string(n % 3)));
    }
    store_all(readings_store, events);
  }

  json get(const std::string& target) {
    const auto reply = server.get(target);
    INFO(target << ": " << reply.body);
    REQUIRE(reply.status == 200);
    REQUIRE(reply.headers.at("content-type") == "application/json");
    return json::parse(reply.body);
  }
  std::vector<int> found(const std::string& target) {
    std::vector<int> found;
    const auto page = get(target);
    for (const auto& event : page.at("data")) found.push_back(event.at("n"));
    return found;
  }
  void require_problem(int status, const std::string& target, const std::string& words) {
    const auto reply = server.get(target);
    INFO(target << ": " << reply.body);
    REQUIRE(reply.status == status);
    REQUIRE(reply.headers.at("content-type") == "application/problem+json");
    REQUIRE_THAT(json::parse(reply.body).at("detail").get<std::string>(), Catch::Contains(words));
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "without parameters the first pipeline's events come, oldest first") {
  REQUIRE(found("/data") == std::vector{0, 1, 2, 3, 4});
  REQUIRE(found("/data/telemetry") == std::vector{0, 1, 2, 3, 4});
  REQUIRE(get("/data/clickstream") == json{{"data", json::array()}, {"next", nullptr}});
}

TEST_CASE_METHOD(Fixture, "an unknown pipeline is not found, and those that are there are named") {
  require_problem(404, "/data/weather",
                  "no pipeline \"weather\": there are telemetry, clickstream");
}

TEST_CASE_METHOD(Fixture, "start, end and order choose") {
  REQUIRE(found("/data?start=2026-01-21T10:00:01Z&end=2026-01-21T10:00:03Z") == std::vector{1, 2});
  REQUIRE(found("/data?order=desc&start=2026-01-21T10:00:03Z") == std::vector{4, 3});
  REQUIRE(found("/data?order=asc&end=2026-01-21T10:00:02Z") == std::vector{0, 1});
}

TEST_CASE_METHOD(Fixture, "the + of an offset may come escaped or as it is") {
  REQUIRE(found("/data?start=2026-01-21T11:00:03%2B01:00") == std::vector{3, 4});
  REQUIRE(found("/data?start=2026-01-21T11:00:03+01:00") == std::vector{3, 4});
  REQUIRE(found("/data?start=2026-01-21+11:00:03.000+01:00") == std::vector{3, 4});
  REQUIRE(found("/data?start=2026-01-21T08:00:03-02:00") == std::vector{3, 4});
  REQUIRE(found("/data?timestamp=2026-01-21T11:00:03+01:00") == std::vector{3});
}

TEST_CASE_METHOD(Fixture, "a cursor goes on in the order in which it came") {
  const auto next = get("/data?limit=2").at("next").get<std::string>();
  require_problem(400, "/data?limit=2&order=desc&cursor=" + next, "is not what an answer gave");
}

TEST_CASE_METHOD(Fixture, "a cursor leads from page to page") {
  auto page = get("/data?limit=2");
  std::vector<int> all;
  for (int pages = 0;; ++pages) {
    REQUIRE(pages < 3);
    for (const auto& event : page.at("data")) all.push_back(event.at("n"));
    if (page.at("next").is_null()) break;
    page = get("/data?limit=2&cursor=" + page.at("next").get<std::string>());
  }
  REQUIRE(all == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE_METHOD(Fixture, "keys and top-level fields filter, also those named like a parameter") {
  REQUIRE(found("/data?sensor_id=b") == std::vector{1, 3});
  REQUIRE(found("/data?sensor_id=a&order=desc&limit=1") == std::vector{4});
  REQUIRE(found("/data?n=3") == std::vector{3});
  REQUIRE(found("/data?where.n=3") == std::vector{3});
  REQUIRE(found("/data?where.limit=1") == std::vector{1, 4});
  REQUIRE(found("/data?where.limit=1&limit=1") == std::vector{1});
  REQUIRE(found("/data?temperature=20.0&humidity=40.50").size() == 5);
  REQUIRE(found("/data?nobody=x").empty());
}

TEST_CASE_METHOD(Fixture, "json has 100 events unless told otherwise, and at most 10,000") {
  store_all(readings_store, readings("many", 120));
  REQUIRE(found("/data?sensor_id=many").size() == 100);
  REQUIRE(found("/data?sensor_id=many&limit=110").size() == 110);
  REQUIRE(found("/data?sensor_id=many&limit=10000").size() == 120);
  require_problem(400, "/data?limit=10001", "limit=10001: is not a whole number from 1 to 10000");
}

TEST_CASE_METHOD(Fixture, "each mistake is named with what would be right") {
  require_problem(400, "/data?limit=0", "limit=0: is not a whole number from 1 to 10000");
  require_problem(400, "/data?limit=ten", "limit=ten: is not");
  require_problem(400, "/data?limit=-1", "limit=-1: is not");
  require_problem(400, "/data?limit=1.5", "limit=1.5: is not");
  require_problem(400, "/data?limit=99999999999999999999", "limit=99999999999999999999: is not");
  require_problem(400, "/data?format=ndjson&limit=0", "limit=0: is not a whole number from 1");
  require_problem(400, "/data?start=yesterday",
                  "start=yesterday: not of the form 2026-01-21T10:00:00Z");
  require_problem(400, "/data?end=2026-01-21", "end=2026-01-21: ");
  require_problem(400, "/data?end=2026-02-30T00:00:00Z", "the month has no such day");
  require_problem(400, "/data?start=", "start=: ");
  require_problem(400, "/data?order=down", "order=down: is neither asc nor desc");
  require_problem(400, "/data?meta=yes", "meta=yes: is neither true nor false");
  require_problem(400, "/data?cursor=abc", "cursor=abc: is not what an answer gave as next");
  require_problem(400, "/data?format=xml", "format=xml: is neither json, ndjson nor csv");
  require_problem(400, "/data?temperature=warm", "temperature=warm: is not a number");
  require_problem(400, "/data?temperature=warm&format=ndjson", "temperature=warm: is not a number");
  require_problem(400, "/data?where.=1", "\"where.\" names no field");
}

TEST_CASE_METHOD(Fixture, "all mistakes come in one answer") {
  require_problem(400, "/data?order=down&limit=0&start=x", "limit=0");
  require_problem(400, "/data?order=down&limit=0&start=x", "order=down");
  require_problem(400, "/data?order=down&limit=0&start=x", "start=x");
}

TEST_CASE_METHOD(Fixture, "a parameter that is there twice is a mistake") {
  require_problem(400, "/data?limit=1&limit=2", "limit is there twice");
  require_problem(400, "/data?limit=1&limit=1", "limit is there twice");
  require_problem(400, "/data?sensor_id=a&sensor_id=b", "sensor_id is there twice");
  require_problem(400, "/data?sensor_id=a&where.sensor_id=a", "where.sensor_id is there twice");
}

TEST_CASE_METHOD(Fixture, "the origin comes only when asked for") {
  REQUIRE_FALSE(get("/data?limit=1").at("data").at(0).contains("_tributary"));
  REQUIRE_FALSE(get("/data?limit=1&meta=false").at("data").at(0).contains("_tributary"));
  REQUIRE(get("/data?limit=1&meta=true").at("data").at(0).at("_tributary").contains("hash"));
}

TEST_CASE_METHOD(Fixture, "ndjson has one event a line, all of them unless told otherwise") {
  store_all(readings_store, readings("many", 2'500));
  const auto lines = [this](const std::string& target, const std::string& headers = {}) {
    const auto reply = server.get(target, headers);
    INFO(reply.body);
    REQUIRE(reply.status == 200);
    REQUIRE(reply.whole);
    REQUIRE(reply.headers.at("content-type") == "application/x-ndjson");
    std::vector<std::string> found;
    for (std::size_t at = 0; at < reply.body.size();) {
      const auto end = reply.body.find('\n', at);
      REQUIRE(end != std::string::npos);
      found.push_back(reply.body.substr(at, end - at));
      at = end + 1;
    }
    return found;
  };
  REQUIRE(lines("/data?format=ndjson").size() == 2'505);
  REQUIRE(lines("/data?format=ndjson&limit=1").size() == 1);
  REQUIRE(lines("/data?format=ndjson&limit=1000").size() == 1'000);
  REQUIRE(lines("/data?format=ndjson&limit=1001").size() == 1'001);
  REQUIRE(lines("/data?format=ndjson&limit=20000").size() == 2'505);
  REQUIRE(numbers(lines("/data?format=ndjson&sensor_id=b&order=desc")) == std::vector{3, 1});
  REQUIRE(lines("/data?format=ndjson&sensor_id=nobody").empty());
  REQUIRE(lines("/data", "Accept: application/x-ndjson\r\n").size() == 2'505);
  REQUIRE(json::parse(lines("/data?format=ndjson&limit=1&meta=true").at(0)).contains("_tributary"));
}

TEST_CASE_METHOD(Fixture,
                 "Accept chooses the format that the client likes best, format= above all") {
  const auto type = [this](const std::string& accept, const std::string& target = "/data?limit=1") {
    const auto reply = server.get(target, "Accept: " + accept + "\r\n");
    return reply.status == 200 ? reply.headers.at("content-type") : std::to_string(reply.status);
  };
  const std::string as_json = "application/json";
  const std::string as_ndjson = "application/x-ndjson";
  REQUIRE(type("*/*") == as_json);
  REQUIRE(type("application/*") == as_json);
  REQUIRE(type("text/html,application/xhtml+xml,*/*;q=0.8") == as_json);
  REQUIRE(type("application/x-ndjson") == as_ndjson);
  REQUIRE(type("application/x-ndjson, */*") == as_ndjson);
  REQUIRE(type("application/json, application/x-ndjson") == as_json);
  REQUIRE(type("application/json;q=0.5, application/x-ndjson") == as_ndjson);
  REQUIRE(type("application/x-ndjson;q=0, */*") == as_json);
  REQUIRE(type("text/csv") == "text/csv; charset=utf-8; header=present");
  REQUIRE(type("Application/X-NDJSON") == as_ndjson);
  REQUIRE(type("application/json;v=\"q=0\"") == as_json);
  REQUIRE(type("application/x-ndjson; Q=0.1, text/csv ; q=0.2") ==
          "text/csv; charset=utf-8; header=present");
  REQUIRE(type("image/png") == "406");
  REQUIRE(type("image/png", "/data?format=json") == as_json);
  REQUIRE(type("application/json", "/data?format=ndjson") == as_ndjson);
}

TEST_CASE_METHOD(Fixture, "unusual strings come through the URL and back") {
  store_one(readings_store, reading("é😀 \"x\"&=", "2026-01-21T11:00:00Z", R"(,"n":9,"a.b":"$x")"));
  REQUIRE(found("/data?sensor_id=%C3%A9%F0%9F%98%80+%22x%22%26%3D") == std::vector{9});
  REQUIRE(found("/data?a.b=%24x") == std::vector{9});
  REQUIRE(get("/data?n=9").at("data").at(0).at("sensor_id") == "é😀 \"x\"&=");
}

}  // namespace tributary::collector
