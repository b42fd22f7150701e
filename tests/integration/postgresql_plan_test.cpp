// How the server runs what we ask: auto_explain tells the plans, as notices, which the store logs.

#include <catch2/catch.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/postgresql_fixture.h"
#include "tests/unit/observe/captured_log.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using namespace store_verbs;

constexpr int kSensors = 20;
constexpr int kReadings = 100;  // of each

struct Fixture : PostgresqlFixture {
  Fixture() {
    for (int n = 0; n < kSensors; ++n) {
      store_all(*store, readings("sensor_" + std::to_string(n), kReadings));
    }
    for (const auto* setting :
         {"session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0",
          "auto_explain.log_level = warning", "auto_explain.log_analyze = on"}) {
      database.run("ALTER DATABASE " + database.name() + " SET " + setting);
    }
    open();
  }
  // The plans of the statements that it needed.
  template <class Run>
  std::vector<std::string> plans(Run run) {
    const test::CapturedLog log(LogFormat::json);
    run();
    std::vector<std::string> found;
    for (const auto& line : log.lines()) {
      if (line.contains("plan:") && line.contains("\\\"events\\\"")) found.push_back(line);
    }
    REQUIRE_FALSE(found.empty());
    return found;
  }
  static void require_walk(const std::vector<std::string>& plans, const std::string& index) {
    for (const auto& plan : plans) {
      CAPTURE(plan);
      REQUIRE_THAT(plan, Catch::Contains(index));
      REQUIRE_THAT(plan, !Catch::Contains("Seq Scan") && !Catch::Contains("Sort  (") &&
                             !Catch::Contains("Bitmap") && !Catch::Contains("Rows Removed"));
    }
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a page is one walk along the index of time") {
  const auto first = page_of(*store, {.limit = 10});
  for (const bool descending : {false, true}) {
    const auto found = plans([&] {
      page_of(*store, {.descending = descending, .limit = 10});
      page_of(*store, {.descending = descending, .limit = 10, .after = first.next});
      page_of(*store, {.start = time_of("2026-01-21T10:00:10Z"),
                       .end = time_of("2026-01-21T10:00:20Z"),
                       .descending = descending,
                       .limit = 10,
                       .after = first.next});
    });
    require_walk(found, "using events_tributary_time");
  }
}

TEST_CASE_METHOD(Fixture, "a page of a series is one walk along the index of series") {
  const Filter series{.field = "sensor_id", .value = "sensor_7"};
  const auto first = page_of(*store, {.filters = {series}, .limit = 10});
  for (const bool descending : {false, true}) {
    const auto found = plans([&] {
      page_of(*store, {.filters = {series}, .descending = descending, .limit = 10});
      page_of(*store, {.filters = {series},
                       .start = time_of("2026-01-21T10:00:05Z"),
                       .descending = descending,
                       .limit = 10,
                       .after = first.next});
    });
    require_walk(found, "using events_tributary_key");
  }
}

TEST_CASE_METHOD(Fixture, "sums are of a range of an index, series are stepped through") {
  const auto start = time_of("2026-01-21T10:00:10Z");
  const auto end = time_of("2026-01-21T10:00:20Z");
  const Filter series{.field = "sensor_id", .value = "sensor_7"};
  for (const auto& plan : plans([&] {
         buckets_of(*store, {.start = start, .end = end, .bucket = 1s, .fields = {{"n"}}});
       })) {
    CAPTURE(plan);
    REQUIRE_THAT(plan,
                 Catch::Contains("using events_tributary_time") && !Catch::Contains("Seq Scan"));
  }
  for (const auto& plan : plans([&] {
         buckets_of(*store, {.filters = {series}, .start = start, .end = end, .bucket = 1s});
       })) {
    CAPTURE(plan);
    REQUIRE_THAT(plan,
                 Catch::Contains("using events_tributary_key") && !Catch::Contains("Seq Scan"));
  }
  require_walk(plans([&] { series_of(*store, {.limit = 5}); }), "using events_tributary_key");
}

TEST_CASE_METHOD(Fixture, "duplicates are looked up by the key, whatever the table's size") {
  for (const auto& plan : plans([&] { store->write(readings("sensor_3", kReadings)); })) {
    CAPTURE(plan);
    REQUIRE_THAT(plan, !Catch::Contains("Seq Scan on events") && !Catch::Contains("Hash Join"));
  }
}

}  // namespace tributary::collector
