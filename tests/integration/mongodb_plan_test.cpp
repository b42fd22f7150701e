// How the server runs what we ask: the profiler writes down what it did.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/mongodb_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using nlohmann::json;

constexpr int kSensors = 20;
constexpr int kReadings = 100;  // of each

struct Fixture : MongodbFixture {
  Fixture() {
    for (int n = 0; n < kSensors; ++n) {
      store_all(*store, readings("sensor_" + std::to_string(n), kReadings));
    }
    page_of(*store, {});  // it has looked at the indexes
  }

  // Runs it, and gives what the profiler says of the commands that it needed.
  template <class Run>
  json profile(Run run) {
    database.run(R"({"profile": 2})");
    run();
    database.run(R"({"profile": 0})");
    auto entries = database.find("system.profile", R"({"ns": ")" + database.name() + ".events\"}");
    database.run(R"({"drop": "system.profile"})");
    REQUIRE_FALSE(entries.empty());
    return entries;
  }
  // The plan is one walk along an index, over hardly more than what is given out.
  void require_index(const json& entries, std::string_view index) {
    for (const auto& entry : entries) {
      if (entry.value("op", "") == "getmore" || !entry.contains("planSummary")) continue;
      CAPTURE(entry.dump());
      REQUIRE_THAT(entry.at("planSummary").get<std::string>(),
                   Catch::StartsWith("IXSCAN { " + std::string(index)));
      REQUIRE_FALSE(entry.value("hasSortStage", false));
      REQUIRE(entry.at("docsExamined").get<int>() <= entry.at("nreturned").get<int>() + 2);
      REQUIRE(entry.at("keysExamined").get<int>() <= entry.at("nreturned").get<int>() + 2);
    }
  }
  void require_query(const Query& query, std::string_view index, std::size_t events) {
    std::size_t found = 0;
    const auto entries = profile([&] { found = page_of(*store, query).events.size(); });
    REQUIRE(found == events);
    require_index(entries, index);
  }
};

constexpr std::string_view kByTime = "timestamp: 1, timestamp_ns: 1, sensor_id: 1 }";
constexpr std::string_view kBySensor = "sensor_id: 1, timestamp: 1, timestamp_ns: 1 }";

}  // namespace

TEST_CASE_METHOD(Fixture, "queries read what they give out, along an index, without a sort") {
  const bool descending = GENERATE(false, true);
  const auto start = time_of("2026-01-21T10:00:30Z");
  const auto end = time_of("2026-01-21T10:00:40Z");
  const Filter sensor{.field = "sensor_id", .value = "sensor_7"};
  const auto middle = page_of(*store, {.descending = descending, .limit = 1'005}).next;
  const auto of_sensor =
      page_of(*store, {.filters = {sensor}, .descending = descending, .limit = 50}).next;

  require_query({.descending = descending}, kByTime, 100);
  require_query({.start = start, .end = end, .descending = descending, .limit = 1'000}, kByTime,
                200);
  require_query({.descending = descending, .limit = 10, .after = middle}, kByTime, 10);
  require_query({.start = start, .descending = descending, .limit = 10, .after = middle}, kByTime,
                10);
  require_query({.filters = {sensor}, .descending = descending, .limit = 50}, kBySensor, 50);
  require_query({.filters = {sensor}, .start = start, .end = end, .descending = descending},
                kBySensor, 10);
  require_query({.filters = {sensor}, .descending = descending, .after = of_sensor}, kBySensor, 50);
  require_query({.filters = {sensor, {.field = "timestamp", .value = "2026-01-21T10:00:33Z"}},
                 .descending = descending},
                kBySensor, 1);
}

TEST_CASE_METHOD(Fixture, "a field without an index is searched for along the time, in its range") {
  const Query query{.filters = {{.field = "n", .value = "33"}},
                    .start = time_of("2026-01-21T10:00:30Z"),
                    .end = time_of("2026-01-21T10:00:40Z")};
  const auto entries = profile([&] { REQUIRE(page_of(*store, query).events.size() == kSensors); });
  REQUIRE_THAT(entries.at(0).at("planSummary").get<std::string>(),
               Catch::StartsWith("IXSCAN { " + std::string(kByTime)));
  REQUIRE_FALSE(entries.at(0).value("hasSortStage", false));
  REQUIRE(entries.at(0).at("docsExamined") == 10 * kSensors);
}

TEST_CASE_METHOD(Fixture, "lookups read the keys that they look for, by the unique index") {
  const auto events = readings("sensor_7", kReadings);
  store->write(events);  // it looks first from now on
  const auto entries = profile([&] { store->write(events); });
  require_index(entries, kBySensor);
}

TEST_CASE_METHOD(Fixture, "aggregates and latest readings of a sensor run on the same indexes") {
  const auto aggregate = profile([&] {
    database.run(R"({"aggregate": "events", "cursor": {}, "pipeline": [
        {"$match": {"sensor_id": "sensor_7", "timestamp": {
             "$gte": {"$date": "2026-01-21T10:00:30Z"}, "$lt": {"$date": "2026-01-21T10:00:40Z"}}}},
        {"$group": {"_id": {"$dateTrunc": {"date": "$timestamp", "unit": "second", "binSize": 5}},
                    "temperature": {"$avg": "$temperature"}}}]})");
  });
  const auto& entry = aggregate.at(0);
  CAPTURE(entry.dump());
  REQUIRE_THAT(entry.at("planSummary").get<std::string>(),
               Catch::StartsWith("IXSCAN { " + std::string(kBySensor)));
  REQUIRE(entry.at("docsExamined") == 10);

  const auto latest = profile([&] {
    database.run(R"({"find": "events", "filter": {"sensor_id": {"$gt": "sensor_7"}}, "limit": 1,
                     "sort": {"sensor_id": -1, "timestamp": -1, "timestamp_ns": -1}})");
    database.run(R"({"aggregate": "events", "cursor": {}, "pipeline": [
        {"$sort": {"sensor_id": -1, "timestamp": -1, "timestamp_ns": -1}},
        {"$group": {"_id": "$sensor_id", "at": {"$first": "$timestamp"}}}]})");
  });
  for (const auto& command : latest) {
    CAPTURE(command.dump());
    REQUIRE(command.at("keysExamined").get<int>() <= kSensors + 1);
    REQUIRE_FALSE(command.value("hasSortStage", false));
  }
}

}  // namespace tributary::collector
