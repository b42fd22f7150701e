#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "collector/store/sqlite_store.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using nlohmann::json;

struct Fixture {
  TemporaryDirectory directory;
  Schema schema = built_in("telemetry");

  std::unique_ptr<Store> open(std::chrono::milliseconds query_time = 30s) {
    auto store = open_sqlite_store(
        {.file = directory.path() / "events.db", .query_time = query_time}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }
};

SeriesPage series_of(Store& store, const SeriesQuery& query) {
  auto page = store.series(query);
  if (!page) FAIL(page.error().message());
  return std::move(*page);
}

std::vector<std::string> all_ids(Store& store, std::size_t limit) {
  std::vector<std::string> ids;
  SeriesQuery query{.limit = limit};
  for (;;) {
    const auto page = series_of(store, query);
    REQUIRE(page.series.size() <= limit);
    for (const auto& series : page.series) ids.push_back(series.id);
    if (!page.more) return ids;
    query.after = ids.back();
  }
}

Schema with_series(std::string_view type) {
  return custom_schema(R"({"id":{"type":"integer"},"of":{"type":")" + std::string(type) + R"("}})",
                       R"({"key":["id"],"series":"of"})");
}

// An event for each id, some of them of one series.
void store_ids(Store& store, const Schema& schema, const std::vector<std::string>& ids) {
  int number = 0;
  for (const auto& id : ids) {
    store_one(store, decode(schema, "{\"id\":" + std::to_string(number++) + ",\"of\":" + id +
                                        R"(,"at":"2026-01-21T10:00:00Z"})"));
  }
}

}  // namespace

TEST_CASE_METHOD(Fixture, "each series has its first and its latest event, by their times") {
  const auto store = open();
  store_one(*store, reading("b", "2026-01-21T10:00:00Z", ",\"n\":1"));
  store_one(*store, reading("a", "2026-01-21T12:00:00Z", ",\"n\":2"));
  store_one(*store, reading("a", "2026-01-21T11:00:00Z", ",\"n\":3"));
  store_one(*store, reading("a", "1969-01-21T11:00:00.5Z", ",\"n\":4"));
  const auto page = series_of(*store, {});
  REQUIRE(page.series.size() == 2);
  REQUIRE_FALSE(page.more);
  REQUIRE(page.series[0].id == "\"a\"");
  REQUIRE(page.series[0].first == time_of("1969-01-21T11:00:00.5Z"));
  REQUIRE(page.series[0].last == time_of("2026-01-21T12:00:00Z"));
  REQUIRE(numbers({page.series[0].latest, page.series[1].latest}) == std::vector{2, 1});
  REQUIRE(json::parse(series_of(*store, {.meta = true}).series[1].latest).contains("_tributary"));
}

TEST_CASE_METHOD(Fixture, "series are in the order of their bytes, page by page") {
  schema = with_series("string");
  const auto store = open();
  const std::vector<std::string> ids{R"("")",  R"("\u0000")",   R"("\"")",  R"("10")", R"("9")",
                                     R"("a")", R"("a\u0000b")", R"("a b")", R"("\\")", R"("é")"};
  store_ids(*store, schema, ids);
  store_one(*store, decode(schema, R"({"id":99,"of":"9","at":"2026-01-21T10:00:00Z"})"));
  const std::vector<std::string> sorted{R"("")",    R"("\u0000")", R"("\"")", R"("10")",
                                        R"("9")",   R"("\\")",     R"("a")",  R"("a\u0000b")",
                                        R"("a b")", R"("é")"};
  for (const std::size_t limit : {1U, 2U, 5U, 10U, 100U}) REQUIRE(all_ids(*store, limit) == sorted);
}

TEST_CASE_METHOD(Fixture, "series that are numbers are in the order of their values") {
  schema = with_series("number");
  const auto store = open();
  store_ids(
      *store, schema,
      {"10", "9", "-1.5", "0", "9007199254740993", "9007199254740992", "1e300", "-1e300", "-7"});
  const std::vector<std::string> sorted{
      "-1e+300", "-7", "-1.5", "0", "9", "10", "9007199254740992", "9007199254740993", "1e+300"};
  for (const std::size_t limit : {1U, 4U, 100U}) REQUIRE(all_ids(*store, limit) == sorted);
}

TEST_CASE_METHOD(Fixture, "series may be true and false") {
  schema = with_series("boolean");
  const auto store = open();
  store_ids(*store, schema, {"true", "false", "true"});
  REQUIRE(all_ids(*store, 1) == std::vector<std::string>{"false", "true"});
}

TEST_CASE_METHOD(Fixture, "a page of series goes on behind an id that is not there") {
  const auto store = open();
  for (const auto* sensor : {"a", "c"}) store_one(*store, reading(sensor, "2026-01-21T10:00:00Z"));
  const auto page = series_of(*store, {.after = "\"b\""});
  REQUIRE(page.series.size() == 1);
  REQUIRE(page.series[0].id == "\"c\"");
  REQUIRE(series_of(*store, {.after = "\"c\""}).series.empty());
}

TEST_CASE_METHOD(Fixture, "what is no id of a series is said to be none") {
  const auto store = open();
  for (const auto* after : {"", "a", "1", "null", "[\"a\"]", "\"a", "true"}) {
    const auto page = store->series({.after = after});
    REQUIRE_FALSE(page);
    REQUIRE(page.error() == errc::invalid_argument);
    REQUIRE_THAT(page.error().message(), Catch::Contains("the cursor names no series of telemetry"));
  }
}

TEST_CASE_METHOD(Fixture, "a schema without a series has none, and it is said how to have one") {
  schema = custom_schema(R"({"id":{"type":"integer"}})", R"({"key":["id"]})");
  const auto page = open()->series({});
  REQUIRE_FALSE(page);
  REQUIRE(page.error() == errc::unsupported);
  REQUIRE_THAT(page.error().message(), Catch::Contains("x-tributary"));
}

TEST_CASE_METHOD(Fixture, "a page of series holds no more once it has so many bytes") {
  const auto store = open();
  const auto more = ",\"x\":\"" + std::string(250'000, 'x') + "\"";
  for (char sensor = 'a'; sensor < 'a' + 20; ++sensor) {
    store_one(*store, reading(std::string(1, sensor), "2026-01-21T10:00:00Z", more));
  }
  const auto page = series_of(*store, {});
  REQUIRE(page.more);
  REQUIRE(page.series.size() == kPageBytesMax / 250'000 + 1);
  REQUIRE(all_ids(*store, 100).size() == 20);
}

}  // namespace tributary::collector
