// GET /aggregate and /sensors over a store that keeps what it is asked and answers as a test says.

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/unit/collector/query_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using nlohmann::json;

class AskedStore final : public Store {
 public:
  std::vector<Outcome> write(std::span<const Event> /*events*/) override { return {}; }
  Result<Page> query(const Query& /*query*/) override { return Page{}; }
  Result<Buckets> aggregate(const AggregateQuery& query) override {
    asked.push_back(query);
    return aggregates(query);
  }
  Result<SeriesPage> series(const SeriesQuery& query) override {
    asked_series.push_back(query);
    return all_series(query);
  }
  HealthCheck health() const override { return {}; }

  std::function<Result<Buckets>(const AggregateQuery&)> aggregates = [](const auto&) {
    return Buckets{};
  };
  std::function<Result<SeriesPage>(const SeriesQuery&)> all_series = [](const auto&) {
    return SeriesPage{};
  };
  std::vector<AggregateQuery> asked;  // one request at a time: the answer comes after the call
  std::vector<SeriesQuery> asked_series;
};

struct Fixture {
  QueryServer server;
  AskedStore& store = use();

  AskedStore& use() {
    auto made = std::make_unique<AskedStore>();
    auto& reference = *made;
    server.add("telemetry", built_in("telemetry"), std::move(made));
    return reference;
  }
  AggregateQuery asked(const std::string& parameters) {
    const auto reply = server.get("/aggregate" + parameters);
    INFO(parameters << ": " << reply.body);
    REQUIRE(reply.status == 200);
    return store.asked.back();
  }
  void require_problem(const std::string& target, const std::string& words) {
    const auto reply = server.get(target);
    INFO(target << ": " << reply.body);
    REQUIRE(reply.status == 400);
    REQUIRE_THAT(json::parse(reply.body).at("detail").get<std::string>(), Catch::Contains(words));
  }
};

Bucket bucket(std::int64_t second, std::vector<FieldSummary> fields) {
  return {.start = {.seconds = second, .nanoseconds = 0}, .events = 7, .fields = std::move(fields)};
}

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "an aggregate has the schema's numbers in minutes unless told otherwise") {
  const auto query = asked("");
  REQUIRE(query.fields == std::vector<FieldPath>{{"humidity"}, {"temperature"}});
  REQUIRE(query.bucket == 1min);
  REQUIRE(query.limit == 1'000);
  REQUIRE_FALSE(query.descending);
  REQUIRE_FALSE(query.start);
  REQUIRE_FALSE(query.after);
}

TEST_CASE_METHOD(Fixture,
                 "an aggregate's range, bucket, fields, order and filters reach the store") {
  const auto query = asked(
      "?sensor_id=a&start=2026-01-21T10:00:00%2B01:00&end=2026-01-22T10:00:00Z&bucket=1.5h"
      "&fields=location.latitude,where.count&order=desc&limit=5&cursor=2026-01-21T10:30:00Z");
  REQUIRE(query.filters.size() == 1);
  REQUIRE(query.filters.at(0).field == "sensor_id");
  REQUIRE(query.start == time_of("2026-01-21T09:00:00Z"));
  REQUIRE(query.end == time_of("2026-01-22T10:00:00Z"));
  REQUIRE(query.bucket == 90min);
  REQUIRE(query.fields == std::vector<FieldPath>{{"location", "latitude"}, {"count"}});
  REQUIRE(query.descending);
  REQUIRE(query.limit == 5);
  REQUIRE(query.after == time_of("2026-01-21T10:30:00Z"));
}

TEST_CASE_METHOD(Fixture, "a bucket says its start, its events, and of each field what was asked") {
  FieldSummary numbers;
  for (const double value : {1.0, 2.0, 4.5}) numbers.add(value);
  store.aggregates = [&](const auto& query) {
    return Buckets{
        .buckets = {bucket(1'769'000'000, {numbers, {}})},
        .next = query.after ? std::nullopt : std::optional(Timestamp{.seconds = 1'769'000'000})};
  };
  const auto page = json::parse(
      server.get("/aggregate?fields=temperature,x.y&functions=min,max,avg,sum,count").body);
  REQUIRE(page == json::parse(R"({"data":[{"start":"2026-01-21T12:53:20Z","count":7,
            "temperature":{"min":1,"max":4.5,"avg":2.5,"sum":7.5,"count":3},
            "x.y":{"min":null,"max":null,"avg":null,"sum":0,"count":0}}],
            "next":"2026-01-21T12:53:20Z"})"));
}

TEST_CASE_METHOD(Fixture,
                 "a bucket that begins before the first year is named by that year's begin") {
  constexpr auto kBucket = 24h * 3660;
  const auto start = bucket_start(time_of("0001-06-01T00:00:00Z"), kBucket);
  REQUIRE(start < time_of("0001-01-01T00:00:00Z"));
  store.aggregates = [&](const auto& query) {
    return Buckets{.buckets = {bucket(start.seconds, {})},
                   .next = query.after ? std::nullopt : std::optional(start)};
  };
  const auto page = json::parse(server.get("/aggregate?bucket=3660d&fields=").body);
  REQUIRE(page["data"][0]["start"] == "0001-01-01T00:00:00Z");
  REQUIRE(page["next"] == "0001-01-01T00:00:00Z");
  REQUIRE(asked("?bucket=3660d&fields=&cursor=" + page["next"].get<std::string>()).after == start);
}

TEST_CASE_METHOD(Fixture, "an aggregate as csv has a column for each function of each field") {
  FieldSummary numbers;
  numbers.add(2.5);
  store.aggregates = [&](const auto& query) {
    const bool first = !query.after;
    return Buckets{.buckets = {bucket(first ? 0 : 60, {numbers})},
                   .next = first ? std::optional(Timestamp{}) : std::nullopt};
  };
  const auto reply = server.get("/aggregate?fields=temperature&functions=avg,max&format=csv");
  REQUIRE(reply.headers.at("content-type") == "text/csv; charset=utf-8; header=present");
  REQUIRE(reply.body ==
          "start,count,temperature.avg,temperature.max\r\n"
          "1970-01-01T00:00:00Z,7,2.5,2.5\r\n1970-01-01T00:01:00Z,7,2.5,2.5\r\n");
}

TEST_CASE_METHOD(Fixture, "each mistake in an aggregate's parameters is named") {
  require_problem("/aggregate?bucket=0s", "bucket=0s: is no duration from 1ms");
  require_problem("/aggregate?bucket=soon", "bucket=soon: is no duration");
  require_problem("/aggregate?bucket=0.5ms", "bucket=0.5ms: is no duration");
  require_problem("/aggregate?bucket=nan%20s", "is no duration");
  require_problem("/aggregate?functions=median", "functions=median: has \"median\": there are avg");
  require_problem("/aggregate?functions=", "functions=: names none");
  require_problem("/aggregate?fields=a..b", "names no field with \"a..b\"");
  require_problem("/aggregate?fields=a,a", "names a twice");
  require_problem("/aggregate?fields=count", "write where.count");
  require_problem("/aggregate?cursor=x", "cursor=x: ");
  require_problem("/aggregate?start=x&bucket=y", "bucket=y");
}

TEST_CASE_METHOD(Fixture, "each series comes with its times and its latest event, page by page") {
  store.all_series = [](const SeriesQuery& query) {
    const std::string id = query.after ? R"("b \"x\"")" : R"("a")";
    return SeriesPage{.series = {{.id = id, .first = {}, .last = {.seconds = 60}, .latest = "{}"}},
                      .more = !query.after};
  };
  const auto first = json::parse(server.get("/sensors?limit=1&meta=true").body);
  REQUIRE(first.at("data") == json::parse(R"([{"sensor_id":"a","first":"1970-01-01T00:00:00Z",
                           "last":"1970-01-01T00:01:00Z","latest":{}}])"));
  const auto next = first.at("next").get<std::string>();
  const auto second = json::parse(server.get("/sensors?limit=1&cursor=" + next).body);
  REQUIRE(second.at("data").at(0).at("sensor_id") == "b \"x\"");
  REQUIRE(second.at("next").is_null());
  REQUIRE(store.asked_series.at(0).meta);
  REQUIRE(store.asked_series.at(0).limit == 1);
  REQUIRE(store.asked_series.at(1).after == R"("a")");
}

TEST_CASE_METHOD(Fixture, "sensors take no filters and no cursor of another call") {
  require_problem("/sensors?sensor_id=a", "sensor_id is no parameter of this call");
  require_problem("/sensors?cursor=!", "cursor=!: is not what an answer gave as next");
  require_problem("/sensors?cursor=", "cursor=: is not what an answer gave as next");
}

TEST_CASE_METHOD(Fixture, "a pipeline without series has no sensors") {
  server.add("plain", custom_schema(R"({"k":{"type":"string"}})", R"({"key":["k"]})"),
             std::make_unique<AskedStore>());
  REQUIRE(server.get("/sensors/plain").status == 404);
}

}  // namespace tributary::collector
