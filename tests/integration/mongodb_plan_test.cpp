// How the server runs what we ask: the profiler writes down what it did.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/mongodb_fixture.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using namespace store_verbs;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kSensors = 20;
constexpr int kReadings = 100;  // of each

struct ProfileFixture : MongodbFixture {
  // Runs it, and gives what the profiler says of the commands that it needed.
  template <class Run>
  json profile(Run run) {
    database.run(R"({"profile": 2})");
    run();
    database.run(R"({"profile": 0})");
    const auto filter = R"({"ns": ")" + database.name() + ".events\"}";
    auto entries = database.find("system.profile", filter);
    plans.clear();
    const auto reply = ordered_json::parse(
        database.run_exactly(R"({"find": "system.profile", "filter": )" + filter + "}"));
    for (const auto& entry : reply.at("cursor").at("firstBatch")) plans.push_back(plan_of(entry));
    database.run(R"({"drop": "system.profile"})");
    REQUIRE_FALSE(entries.empty());
    return entries;
  }
  // Each of the aggregations before found its documents along an index, in its order.
  void require_index_plans() const {
    for (const auto& plan : plans) {
      CAPTURE(plan);
      if (plan.empty()) continue;
      REQUIRE_THAT(plan, Catch::Contains("\"IXSCAN\"") && !Catch::Contains("\"SORT\"") &&
                             !Catch::Contains("\"COLLSCAN\""));
    }
  }

  std::vector<std::string> plans;  // of the aggregations of the last profile(); else empty

 private:
  // How the server says that it finds the documents.
  std::string plan_of(const ordered_json& entry) {
    if (!entry.at("command").contains("aggregate")) return {};
    auto command = ordered_json{{"aggregate", "events"}};
    for (const auto* name : {"pipeline", "cursor", "hint"}) {
      command[name] = entry.at("command").at(name);
    }
    const auto explained = ordered_json::parse(database.run_exactly(
        ordered_json{{"explain", command}, {"verbosity", "queryPlanner"}}.dump()));
    return explained.at("stages").at(0).at("$cursor").at("queryPlanner").at("winningPlan").dump();
  }
};

struct Fixture : ProfileFixture {
  Fixture() {
    for (int n = 0; n < kSensors; ++n) {
      store_all(*store, readings("sensor_" + std::to_string(n), kReadings));
    }
    page_of(*store, {});  // it has looked at the indexes
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

TEST_CASE_METHOD(Fixture, "aggregates read the events of their range, along an index") {
  const bool descending = GENERATE(false, true);
  const Filter sensor{.field = "sensor_id", .value = "sensor_7"};
  const auto start = time_of("2026-01-21T10:00:30Z");
  const auto end = time_of("2026-01-21T10:00:40Z");
  const auto require_read = [&](AggregateQuery query, std::string_view index, int documents) {
    query.fields = {{"temperature"}, {"a.b", "$c"}};
    query.descending = descending;
    for (const auto& entry : profile([&] { buckets_of(*store, query); })) {
      CAPTURE(entry.dump());
      REQUIRE_THAT(entry.at("planSummary").get<std::string>(),
                   Catch::StartsWith("IXSCAN { " + std::string(index)));
      REQUIRE(entry.at("docsExamined") == documents);
    }
    require_index_plans();
  };
  require_read({.start = start, .end = end, .bucket = 5s}, kByTime, 10 * kSensors);
  require_read({.filters = {sensor}, .start = start, .end = end, .bucket = 5s}, kBySensor, 10);
  require_read({.filters = {sensor}, .bucket = 5s}, kBySensor, kReadings);
  require_read({.filters = {sensor}, .start = start, .bucket = 5s}, kBySensor, kReadings - 30);
  require_read({.bucket = 5s, .limit = 2'000}, kByTime, kSensors * kReadings);
}

TEST_CASE_METHOD(ProfileFixture, "an aggregate without an end reads hardly more than it gives") {
  constexpr std::size_t kMany = 20'000;
  store_all(*store, readings("a", kMany));
  page_of(*store, {});
  const bool descending = GENERATE(false, true);
  const auto keys = [&](const AggregateQuery& query) {
    int sum = 0;
    const auto entries = profile([&] { buckets_of(*store, query); });
    for (const auto& entry : entries) sum += entry.value("keysExamined", 0);
    REQUIRE(plans.size() == entries.size());
    require_index_plans();
    return sum;
  };
  REQUIRE(keys({.bucket = 1s, .descending = descending, .limit = 10}) == 2'000);
  // 6,060 are needed.
  REQUIRE(keys({.bucket = 60s, .descending = descending, .limit = 100}) < 10'000);
}

TEST_CASE_METHOD(ProfileFixture,
                 "series are stepped through, whatever the number of their events") {
  std::vector<Event> events;
  for (int n = 0; n < 2'000; ++n) {
    events.push_back(
        reading("sensor_" + std::to_string(100 + n % 200),
                time_of("2026-01-21T10:00:00Z").text().insert(19, "." + std::to_string(1'000 + n)),
                ",\"n\":1"));
  }
  store_all(*store, events);
  page_of(*store, {});
  const auto keys_of = [&](const SeriesQuery& query) {
    int keys = 0;
    int documents = 0;
    for (const auto& entry :
         profile([&] { REQUIRE(series_of(*store, query).series.size() == 40); })) {
      CAPTURE(entry.dump());
      if (entry.value("op", "") == "getmore") continue;
      REQUIRE_THAT(entry.at("planSummary").get<std::string>(),
                   Catch::StartsWith("DISTINCT_SCAN { " + std::string(kBySensor)));
      REQUIRE_FALSE(entry.value("hasSortStage", false));
      keys += entry.at("keysExamined").get<int>();
      documents += entry.at("docsExamined").get<int>();
    }
    REQUIRE(documents <= 42);
    return keys;
  };
  REQUIRE(keys_of({.limit = 40}) < 2 * 250);
  REQUIRE(keys_of({.limit = 40}) < 2 * 90);
  REQUIRE(keys_of({.limit = 40, .after = R"("sensor_139")"}) < 2 * 250);
  REQUIRE(keys_of({.limit = 40, .after = R"("sensor_120")"}) < 2 * 120);
}

TEST_CASE_METHOD(MongodbFixture,
                 "series that were removed, or are new, change pages known before") {
  std::vector<Event> events;
  for (int n = 0; n < 100; ++n) {
    events.push_back(reading("s" + std::to_string(100 + n), "2026-01-21T10:00:00Z"));
  }
  store_all(*store, events);
  const auto require_pages = [this](const std::vector<std::string>& expected) {
    REQUIRE(ids_of(all_series(*store, {.limit = 40})) == expected);
  };
  auto expected = ids_of(series_of(*store, {}).series);
  require_pages(expected);
  database.run(R"({"delete": "events", "deletes": [
      {"q": {"sensor_id": {"$gte": "s120", "$lt": "s150"}}, "limit": 0}]})");
  expected.erase(expected.begin() + 20, expected.begin() + 50);
  require_pages(expected);
  store_one(*store, reading("s1005", "2026-01-21T10:00:00Z"));
  store_one(*store, reading("s0", "2026-01-21T10:00:00Z"));
  expected.insert(expected.begin() + 1, "\"s1005\"");
  expected.insert(expected.begin(), "\"s0\"");
  require_pages(expected);
}

TEST_CASE_METHOD(MongodbFixture, "series come in order when the server can't step through them") {
  std::vector<Event> events;
  for (int n = 0; n < 300; ++n) {
    const auto sensor = "s" + std::to_string(1'000 + n);
    events.push_back(reading(sensor, "2026-01-21T10:00:00Z"));
    events.push_back(reading(sensor, "2026-01-21T11:00:00Z"));
  }
  store_all(*store, events);
  database.run(R"({"insert": "events", "documents": [
      {"sensor_id": ["s1", "t"], "timestamp": {"$date": "2026-01-21T10:00:00Z"}}]})");
  for (const std::size_t limit : {7U, 100U}) {
    const auto all = all_series(*store, {.limit = limit});
    REQUIRE(all.size() == 300);
    for (std::size_t n = 0; n < all.size(); ++n) {
      REQUIRE(all[n].id == "\"s" + std::to_string(1'000 + n) + '"');
      REQUIRE(all[n].last == time_of("2026-01-21T11:00:00Z"));
    }
  }
}

}  // namespace tributary::collector
