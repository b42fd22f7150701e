// What every Store makes of the events of a range, bucket by bucket.

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "tests/contract/store_contract.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using namespace store_verbs;
using nlohmann::json;
using Texts = std::vector<std::string>;

struct Fixture {
  std::unique_ptr<StorePlace> place = make_store_place();
  Schema schema = built_in("telemetry");
  std::unique_ptr<Store> store = place->open(schema);

  void begin_with(Schema other) {
    store.reset();
    place = make_store_place();
    schema = std::move(other);
    store = place->open(schema);
  }
  // One reading of the sensor at each of these times.
  void store_at(std::string_view sensor, const std::vector<std::string>& times) {
    std::vector<Event> events;
    for (const auto& time : times) events.push_back(reading(sensor, time));
    store_all(*store, events);
  }
  // One reading with more members.
  void store_with(std::string_view time, std::string_view more) {
    store_one(*store, reading("a", time, more));
  }
  Texts texts(const AggregateQuery& query) { return texts_of(buckets_of(*store, query).buckets); }
  // Of one field, over all that is stored.
  FieldSummary summary(FieldPath field) {
    const auto buckets = buckets_of(*store, {.bucket = 24h, .fields = {std::move(field)}}).buckets;
    REQUIRE(buckets.size() == 1);
    return buckets.front().fields.at(0);
  }
};

// The same from events in memory. Its filters compare strings.
std::vector<Bucket> plain_buckets(const std::vector<Event>& events, const AggregateQuery& query) {
  std::map<Timestamp, Bucket> buckets;
  for (const auto& event : events) {
    const bool fits = std::ranges::all_of(query.filters, [&](const Filter& filter) {
      return event.document->value(filter.field, json()) == filter.value;
    });
    if (!fits || (query.start && event.time < *query.start) ||
        (query.end && event.time >= *query.end)) {
      continue;
    }
    const auto start = bucket_start(event.time, query.bucket);
    auto& bucket = buckets[start];
    bucket.start = start;
    bucket.fields.resize(query.fields.size());
    ++bucket.events;
    for (std::size_t i = 0; i < query.fields.size(); ++i) {
      json value = *event.document;
      for (const auto& name : query.fields[i]) {
        value = value.is_object() && value.contains(name) ? json(value[name]) : json();
      }
      if (value.is_number()) bucket.fields[i].add(value.get<double>());
    }
  }
  std::vector<Bucket> ordered;
  for (auto& [start, bucket] : buckets) ordered.push_back(std::move(bucket));
  if (query.descending) std::ranges::reverse(ordered);
  return ordered;
}

void require_same(const std::vector<Bucket>& found, const std::vector<Bucket>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i, text_of(found[i]), text_of(expected[i]));
    REQUIRE(found[i].start == expected[i].start);
    REQUIRE(found[i].events == expected[i].events);
    REQUIRE(found[i].fields.size() == expected[i].fields.size());
    for (std::size_t field = 0; field < found[i].fields.size(); ++field) {
      const auto& one = found[i].fields[field];
      const auto& other = expected[i].fields[field];
      REQUIRE(one.count == other.count);
      REQUIRE(one.sum == Approx(other.sum).margin(1e-6));
      REQUIRE(one.min == other.min);
      REQUIRE(one.max == other.max);
    }
  }
}

// Events of a few sensors between 1969 and 1971, with members of every kind.
class RandomEvents {
 public:
  explicit RandomEvents(std::uint64_t seed) : random_(seed) {}

  std::vector<Event> make(std::size_t count) {
    std::vector<Event> events;
    std::set<std::string> keys;
    while (events.size() < count) {
      auto event = reading("s" + std::to_string(below(4)), time().text(), members());
      if (keys.insert(event.key).second) events.push_back(std::move(event));
    }
    return events;
  }

  AggregateQuery query() {
    constexpr std::array kBuckets{1ms,       7ms,         1'000ms,      90'000ms,
                                  300'000ms, 3'600'000ms, 86'400'000ms, 86'400'000ms * 365};
    AggregateQuery query{.bucket = kBuckets.at(below(kBuckets.size())),
                         .fields = {{"x"}, {"o", "x"}, {"temperature"}, {"none"}},
                         .descending = below(2) == 0,
                         .limit = 1 + below(40)};
    if (below(2) == 0) query.start = time();
    if (below(2) == 0) query.end = time();
    if (below(3) == 0) query.filters.push_back({.field = "sensor_id", .value = "s1"});
    if (below(3) == 0) query.filters.push_back({.field = "kind", .value = "k0"});
    return query;
  }

 private:
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  // Most of them close together, some far away, some in the leap second at the end of 1970.
  Timestamp time() {
    constexpr std::int64_t kYear = 365 * 86'400;
    Timestamp time;
    switch (below(4)) {
      case 0:
        time.seconds = static_cast<std::int64_t>(below(2 * kYear)) - kYear;
        break;
      case 1:
        time.seconds = kYear - 1;
        time.nanoseconds = 1'000'000'000;
        break;
      default:
        time.seconds = static_cast<std::int64_t>(below(2'000)) - 1'000;
    }
    if (below(2) == 0) time.nanoseconds += static_cast<std::int32_t>(below(1'000)) * 1'000'000;
    if (below(4) == 0) time.nanoseconds += static_cast<std::int32_t>(below(1'000'000));
    return time;
  }
  std::string members() {
    static const std::vector<std::string> kValues{"0",      "-7",   "12.5", "-0.1", "1e12",
                                                  R"("5")", "true", "null", "[3]",  R"({"x":9})"};
    std::string members = ",\"kind\":\"k" + std::to_string(below(2)) + '"';
    if (below(5) != 0) members += ",\"x\":" + kValues[below(kValues.size())];
    if (below(3) != 0) members += ",\"o\":{\"x\":" + kValues[below(kValues.size())] + "}";
    return members;
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "buckets begin at whole multiples of their length since 1970") {
  struct Row {
    std::chrono::milliseconds bucket;
    const char* time;
    const char* start;
  };
  const std::vector<Row> rows{
      {5min, "2026-01-21T10:04:59.999999999Z", "2026-01-21T10:00:00Z"},
      {5min, "2026-01-21T10:05:00Z", "2026-01-21T10:05:00Z"},
      {5min, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:55:00Z"},
      {1h, "2026-01-21T10:59:59.999999999Z", "2026-01-21T10:00:00Z"},
      {1h, "1969-12-31T23:00:00Z", "1969-12-31T23:00:00Z"},
      {24h, "2026-01-21T23:59:59.999999999Z", "2026-01-21T00:00:00Z"},
      {24h, "1969-12-31T00:00:00Z", "1969-12-31T00:00:00Z"},
      {24h, "1969-12-30T23:59:59.999999999Z", "1969-12-30T00:00:00Z"},
      {24h, "0001-01-01T00:00:00.000000001Z", "0001-01-01T00:00:00Z"},
      {24h, "9999-12-31T23:59:59.999999999Z", "9999-12-31T00:00:00Z"},
      {24h * 7, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
      {24h * 7, "1969-12-31T00:00:00.5Z", "1969-12-25T00:00:00Z"},
      {7ms, "2026-01-21T10:00:00.006999999Z", "2026-01-21T10:00:00Z"},
      {7ms, "2026-01-21T10:00:00.007Z", "2026-01-21T10:00:00.007Z"},
      {7ms, "1969-12-31T23:59:59.999000001Z", "1969-12-31T23:59:59.993Z"},
      {7ms, "1969-12-31T23:59:59.992999999Z", "1969-12-31T23:59:59.986Z"},
      {1ms, "1969-12-31T23:59:59.998999999Z", "1969-12-31T23:59:59.998Z"},
      {90s, "2026-01-21T10:01:29.999999999Z", "2026-01-21T10:00:00Z"},
      {90s, "2026-01-21T10:01:30Z", "2026-01-21T10:01:30Z"},
      {90s, "1969-12-31T23:58:29.5Z", "1969-12-31T23:57:00Z"},
  };
  std::vector<Event> events;
  for (const auto& row : rows) events.push_back(reading("a", row.time));
  store_all(*store, events);
  for (const auto& row : rows) {
    const auto time = time_of(row.time);
    const Timestamp end{.seconds = time.seconds, .nanoseconds = time.nanoseconds + 1};
    CAPTURE(row.bucket.count(), row.time);
    REQUIRE(texts({.start = time, .end = end, .bucket = row.bucket}) ==
            Texts{std::string(row.start) + " 1"});
  }
}

TEST_CASE_METHOD(Fixture, "a leap second belongs to the bucket of the second before it") {
  store_at("a", {"2016-12-31T23:59:59.5Z", "2016-12-31T23:59:60Z", "2016-12-31T23:59:60.999999999Z",
                 "2017-01-01T00:00:00Z"});
  REQUIRE(texts({.bucket = 1s}) == Texts{"2016-12-31T23:59:59Z 3", "2017-01-01T00:00:00Z 1"});
  REQUIRE(texts({.bucket = 24h}) == Texts{"2016-12-31T00:00:00Z 3", "2017-01-01T00:00:00Z 1"});
  REQUIRE(texts({.bucket = 1ms, .limit = 2}) ==
          Texts{"2016-12-31T23:59:59.500Z 1", "2016-12-31T23:59:59.999Z 2"});
  REQUIRE(texts({.start = time_of("2016-12-31T23:59:60Z"),
                 .end = time_of("2016-12-31T23:59:60.5Z"),
                 .bucket = 1s}) == Texts{"2016-12-31T23:59:59Z 1"});
  REQUIRE(texts({.end = time_of("2016-12-31T23:59:60Z"), .bucket = 1min}) ==
          Texts{"2016-12-31T23:59:00Z 1"});
  const auto next = time_of("2017-01-01T00:00:00Z");
  const auto before = time_of("2016-12-31T23:59:59Z");
  REQUIRE(texts({.bucket = 1s, .descending = true, .after = next}) ==
          Texts{"2016-12-31T23:59:59Z 3"});
  REQUIRE(texts({.bucket = 1s, .after = before}) == Texts{"2017-01-01T00:00:00Z 1"});
}

TEST_CASE_METHOD(Fixture, "a bucket has the count, the sum, the least and the greatest number") {
  store_with("2026-01-21T10:00:00Z", R"(,"x":1.5,"o":{"x":{"y":-3}})");
  store_with("2026-01-21T10:04:00Z", R"(,"x":-2,"o":{"x":{"y":0.25}})");
  store_with("2026-01-21T10:05:00Z", R"(,"x":7,"o":{"x":{"y":4}})");
  const std::vector<FieldPath> fields{
      {"x"}, {"o", "x", "y"}, {"temperature"}, {"location", "longitude"}};
  REQUIRE(texts({.bucket = 5min, .fields = fields}) ==
          Texts{"2026-01-21T10:00:00Z 2 (2 -0.5 -2 1.5) (2 -2.75 -3 0.25) (2 40 20 20) (2 4 2 2)",
                "2026-01-21T10:05:00Z 1 (1 7 7 7) (1 4 4 4) (1 20 20 20) (1 2 2 2)"});
}

TEST_CASE_METHOD(Fixture, "fields come in the order in which they were asked for, twice if so") {
  store_with("2026-01-21T10:00:00Z", R"(,"b":1,"a":2)");
  REQUIRE(texts({.bucket = 1h, .fields = {{"b"}, {"a"}, {"b"}}}) ==
          Texts{"2026-01-21T10:00:00Z 1 (1 1 1 1) (1 2 2 2) (1 1 1 1)"});
}

TEST_CASE_METHOD(Fixture, "what is no number counts as missing, and its event counts") {
  const std::vector<std::string> values{"3",  R"("5")", "true",       "false",    "null", "[4]",
                                        "[]", "{}",     R"({"x":6})", R"("NaN")", "0"};
  for (std::size_t n = 0; n < values.size(); ++n) {
    store_with("2026-01-21T10:00:" + std::to_string(10 + n) + "Z", ",\"x\":" + values[n]);
  }
  store_with("2026-01-21T10:01:00Z", "");
  REQUIRE(texts({.bucket = 1h, .fields = {{"x"}, {"none"}, {"x", "x"}, {"temperature", "x"}}}) ==
          Texts{"2026-01-21T10:00:00Z 12 (2 3 0 3) (0) (1 6 6 6) (0)"});
  REQUIRE(texts({.start = time_of("2026-01-21T10:00:11Z"),
                 .end = time_of("2026-01-21T10:00:12Z"),
                 .bucket = 1h,
                 .fields = {{"x"}}}) == Texts{"2026-01-21T10:00:00Z 1 (0)"});
}

TEST_CASE_METHOD(Fixture, "a field that no event has leaves least and greatest as they begin") {
  store_with("2026-01-21T10:00:00Z", "");
  const auto none = summary({"none"});
  REQUIRE(none.count == 0);
  REQUIRE(none.sum == 0);
  REQUIRE(none.min == FieldSummary().min);
  REQUIRE(none.max == FieldSummary().max);
}

TEST_CASE_METHOD(Fixture, "what a store keeps beside the event is no field of it") {
  auto event = reading("a", "2026-01-21T10:00:00.000000007Z");
  event.origin = {.received_at = time_of("2026-01-21T10:00:00.25Z"),
                  .source = "mqtt",
                  .schema = schema.id(),
                  .edge = "gateway-7",
                  .log = *Id::parse("000102030405060708090a0b0c0d0eff"),
                  .sequence = {42}};
  store_one(*store, event);
  for (const auto& field : std::vector<FieldPath>{{"timestamp_ns"},
                                                  {"_tributary", "sequence"},
                                                  {"_tributary", "received_at"},
                                                  {"_id"},
                                                  {"key"},
                                                  {"time_seconds"},
                                                  {"sequence"},
                                                  {"rowid"},
                                                  {"timestamp"},
                                                  {"sensor_id"}}) {
    CAPTURE(field);
    REQUIRE(summary(field).count == 0);
  }
}

TEST_CASE_METHOD(Fixture, "only events from the start to before the end count, to the nanosecond") {
  store_at("a", {"2026-01-21T10:00:00Z", "2026-01-21T10:00:00.000000001Z",
                 "2026-01-21T10:02:00.000999999Z", "2026-01-21T10:02:00.001Z",
                 "2026-01-21T10:05:00Z", "2026-01-21T10:07:30Z", "2026-01-21T10:07:30.000000001Z"});
  const auto in_range = [this](const char* start, const char* end) {
    return texts({.start = time_of(start), .end = time_of(end), .bucket = 5min});
  };
  REQUIRE(in_range("2026-01-21T10:00:00Z", "2026-01-21T10:05:00Z") ==
          Texts{"2026-01-21T10:00:00Z 4"});
  REQUIRE(in_range("2026-01-21T10:00:00.000000001Z", "2026-01-21T10:07:30Z") ==
          Texts{"2026-01-21T10:00:00Z 3", "2026-01-21T10:05:00Z 1"});
  REQUIRE(in_range("2026-01-21T10:00:00.000000002Z", "2026-01-21T10:07:30.000000001Z") ==
          Texts{"2026-01-21T10:00:00Z 2", "2026-01-21T10:05:00Z 2"});
  REQUIRE(in_range("2026-01-21T10:02:00.000999999Z", "2026-01-21T10:02:00.001Z") ==
          Texts{"2026-01-21T10:00:00Z 1"});
  REQUIRE(in_range("2026-01-21T10:02:00.0009Z", "2026-01-21T10:02:00.000999999Z").empty());
  REQUIRE(in_range("2026-01-21T10:05:00Z", "2026-01-21T10:05:00Z").empty());
  REQUIRE(in_range("2026-01-21T10:05:00Z", "2026-01-21T10:00:00Z").empty());
  REQUIRE(texts({.start = time_of("2026-01-21T10:07:30Z"), .bucket = 5min}) ==
          Texts{"2026-01-21T10:05:00Z 2"});
  REQUIRE(texts({.end = time_of("2026-01-21T10:00:00.000000001Z"), .bucket = 5min}) ==
          Texts{"2026-01-21T10:00:00Z 1"});
}

TEST_CASE_METHOD(Fixture, "an empty store, and a range without events, have no buckets") {
  for (const bool descending : {false, true}) {
    const auto empty = buckets_of(*store, {.fields = {{"x"}}, .descending = descending});
    REQUIRE(empty.buckets.empty());
    REQUIRE_FALSE(empty.next);
  }
  store_at("a", {"2026-01-21T10:00:00Z"});
  for (const bool descending : {false, true}) {
    const auto empty = buckets_of(*store, {.start = time_of("2026-01-21T10:00:01Z"),
                                           .end = time_of("2027-01-21T10:00:01Z"),
                                           .descending = descending});
    REQUIRE(empty.buckets.empty());
    REQUIRE_FALSE(empty.next);
  }
}

TEST_CASE_METHOD(Fixture, "buckets come in the order of time, or against it, and none are empty") {
  store_at("a", {"2026-01-21T10:30:00Z", "1969-12-31T23:59:00Z", "2026-01-21T10:00:01Z",
                 "2026-01-21T10:00:00Z", "2025-06-01T00:00:00Z"});
  Texts expected{"1969-12-31T23:55:00Z 1", "2025-06-01T00:00:00Z 1", "2026-01-21T10:00:00Z 2",
                 "2026-01-21T10:30:00Z 1"};
  REQUIRE(texts({.bucket = 5min}) == expected);
  std::ranges::reverse(expected);
  REQUIRE(texts({.bucket = 5min, .descending = true}) == expected);
}

TEST_CASE_METHOD(Fixture,
                 "an answer has at most its limit of buckets, and says when there are more") {
  store_at("a", {"2026-01-21T10:00:00Z", "2026-01-21T10:01:00Z", "2026-01-21T10:01:30Z",
                 "2026-01-21T10:03:00Z"});
  const bool descending = GENERATE(false, true);
  for (const std::size_t limit : {1U, 2U}) {
    const auto some = buckets_of(*store, {.descending = descending, .limit = limit});
    REQUIRE(some.buckets.size() == limit);
    REQUIRE(some.next == some.buckets.back().start);
  }
  for (const std::size_t limit : {3U, 4U, 100'000U}) {
    const auto all = buckets_of(*store, {.descending = descending, .limit = limit});
    REQUIRE(all.buckets.size() == 3);
    REQUIRE_FALSE(all.next);
  }
  const auto end = buckets_of(*store, {.end = time_of("2026-01-21T10:01:01Z"), .limit = 2});
  REQUIRE(texts_of(end.buckets) == Texts{"2026-01-21T10:00:00Z 1", "2026-01-21T10:01:00Z 1"});
  REQUIRE_FALSE(end.next);
}

TEST_CASE_METHOD(Fixture, "all buckets are seen once when each answer goes on behind the last") {
  // Crowded minutes, and years between them.
  std::vector<Event> events;
  auto time = time_of("1968-02-29T12:00:00.5Z");
  for (int n = 0; n < 300; ++n) {
    time.seconds += n % 60 == 59 ? 5 * 365 * 86'400 : n % 20 == 19 ? 3'601 : 2;
    events.push_back(reading(n % 3 == 0 ? "a" : "b", time.text(), ",\"x\":" + std::to_string(n)));
  }
  store_all(*store, events);
  const bool descending = GENERATE(false, true);
  for (const std::size_t limit : {1U, 3U, 7U, 1'000U}) {
    for (const auto bucket : {1'000ms, 60'000ms, 86'400'000ms}) {
      AggregateQuery query{.bucket = bucket, .fields = {{"x"}}, .descending = descending};
      query.limit = limit;
      require_same(all_buckets(*store, query), plain_buckets(events, query));
      query.filters = {{.field = "sensor_id", .value = "a"}};
      require_same(all_buckets(*store, query), plain_buckets(events, query));
      query.start = events[50].time;
      query.end = events[250].time;
      require_same(all_buckets(*store, query), plain_buckets(events, query));
    }
  }
}

TEST_CASE_METHOD(Fixture, "an answer goes on behind a bucket that has no events, too") {
  store_at("a", {"2026-01-21T10:00:00Z", "2026-01-21T11:00:00Z"});
  const auto behind = [this](const char* after, bool descending) {
    return texts({.bucket = 5min, .descending = descending, .after = time_of(after)});
  };
  REQUIRE(behind("2026-01-21T10:30:00Z", false) == Texts{"2026-01-21T11:00:00Z 1"});
  REQUIRE(behind("2026-01-21T10:30:00Z", true) == Texts{"2026-01-21T10:00:00Z 1"});
  REQUIRE(behind("2026-01-21T11:00:00Z", false).empty());
  REQUIRE(behind("2026-01-21T10:00:00Z", true).empty());
  REQUIRE(behind("0001-01-01T00:00:00Z", true).empty());
  REQUIRE(behind("9999-12-31T23:55:00Z", false).empty());
}

TEST_CASE_METHOD(Fixture, "aggregates are of the events that all filters leave") {
  for (int n = 0; n < 12; ++n) {
    store_one(*store, reading(n % 2 == 0 ? "even" : "odd",
                              "2026-01-21T10:00:" + std::to_string(10 + n) + "Z",
                              ",\"x\":" + std::to_string(n) + ",\"kind\":\"" +
                                  (n % 3 == 0 ? "third" : "other") + '"'));
  }
  const auto where = [this](std::vector<Filter> filters) {
    return texts({.filters = std::move(filters), .bucket = 1h, .fields = {{"x"}}});
  };
  const Filter even{.field = "sensor_id", .value = "even"};
  const Filter third{.field = "kind", .value = "third"};
  REQUIRE(where({even}) == Texts{"2026-01-21T10:00:00Z 6 (6 30 0 10)"});
  REQUIRE(where({third}) == Texts{"2026-01-21T10:00:00Z 4 (4 18 0 9)"});
  REQUIRE(where({even, third}) == Texts{"2026-01-21T10:00:00Z 2 (2 6 0 6)"});
  REQUIRE(where({third, even}) == Texts{"2026-01-21T10:00:00Z 2 (2 6 0 6)"});
  REQUIRE(where({{.field = "x", .value = "5"}}) == Texts{"2026-01-21T10:00:00Z 1 (1 5 5 5)"});
  REQUIRE(where({{.field = "timestamp", .value = "2026-01-21T11:00:13+01:00"}}) ==
          Texts{"2026-01-21T10:00:00Z 1 (1 3 3 3)"});
  REQUIRE(where({even, {.field = "timestamp", .value = "2026-01-21T10:00:13Z"}}).empty());
  REQUIRE(where({{.field = "sensor_id", .value = "nobody"}}).empty());
  REQUIRE(where({even, {.field = "sensor_id", .value = "odd"}}).empty());
  REQUIRE(where({third, {.field = "kind", .value = "other"}}).empty());
}

TEST_CASE_METHOD(Fixture, "a filter that can't be is refused by its name") {
  const auto refused = store->aggregate({.filters = {{.field = "temperature", .value = "warm"}}});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error() == errc::invalid_argument);
  REQUIRE_THAT(refused.error().message(), Catch::StartsWith("temperature=warm: "));
}

TEST_CASE_METHOD(Fixture, "a name is a name, as a field and as a filter, whatever stands in it") {
  const std::string name =
      GENERATE(std::string("a\0b", 3), "$x", "$$ROOT", "$", "a.b", ".", "a.", ".a", "a.$.b", "x y",
               "\"quoted\" \\ 'single'", "x' OR '1'='1", "😀 é", "__proto__", "a/b~c", "\t\n\x01",
               "0", "[0]", "#", "#-1", "*", "%", "$[0]", "$.x", "event");
  const auto quoted = json(name).dump();
  // Some stores take no NUL in a name.
  const auto named =
      write_one(*store, reading("a", "2026-01-21T10:00:00Z",
                                "," + quoted + ":5,\"o\":{" + quoted + ":{" + quoted + ":7}}"));
  const bool taken = named.verdict == Outcome::Verdict::stored;
  REQUIRE(taken != (named.verdict == Outcome::Verdict::rejected && name.contains('\0')));
  store_with("2026-01-21T10:00:01Z",
             R"(,"a":{"b":100,"":100,"$":{"b":100}},"x":100,"list":[100,{"x":100}])");
  const std::uint64_t count = taken ? 1 : 0;
  const double value = taken ? 5 : 0;
  REQUIRE(summary({name}).count == count);
  REQUIRE(summary({name}).sum == value);
  REQUIRE(summary({"o", name}).count == 0);
  REQUIRE(summary({"o", name, name}).count == count);
  REQUIRE(summary({"o", name, name}).sum == (taken ? 7 : 0));
  REQUIRE(summary({name, name}).count == 0);
  REQUIRE(texts({.filters = {{.field = name, .value = "5"}}, .bucket = 1h}) ==
          (taken ? Texts{"2026-01-21T10:00:00Z 1"} : Texts{}));
  REQUIRE(texts({.filters = {{.field = name, .value = name}}, .bucket = 1h}).empty());
}

TEST_CASE_METHOD(Fixture, "a path leads through objects, not through lists") {
  store_with("2026-01-21T10:00:00Z", R"(,"list":[1,{"x":2,"0":3}],"o":{"0":4,"x":[5]})");
  REQUIRE(summary({"list"}).count == 0);
  REQUIRE(summary({"list", "0"}).count == 0);
  REQUIRE(summary({"list", "1", "x"}).count == 0);
  REQUIRE(summary({"list", "x"}).count == 0);
  REQUIRE(summary({"o", "x"}).count == 0);
  REQUIRE(summary({"o", "x", "0"}).count == 0);
  REQUIRE(summary({"o", "0"}).sum == 4);
  REQUIRE(summary(FieldPath(500, "o")).count == 0);
}

TEST_CASE_METHOD(Fixture, "large, small and negative numbers count by their values") {
  const std::vector<std::string> values{"9223372036854775807", "9223372036854775807",
                                        "-9223372036854775808", "9007199254740993"};
  for (std::size_t n = 0; n < values.size(); ++n) {
    store_with("2026-01-21T10:00:0" + std::to_string(n) + "Z", ",\"x\":" + values[n]);
  }
  const auto large = summary({"x"});
  REQUIRE(large.count == 4);
  REQUIRE(large.sum == Approx(0x1p63 + 0x1p53));
  REQUIRE(large.min == -0x1p63);
  REQUIRE(large.max == 0x1p63);
  const auto range = [this](const char* start, const char* end) {
    return buckets_of(*store, {.start = time_of(start), .end = time_of(end), .fields = {{"x"}}})
        .buckets.at(0)
        .fields.at(0);
  };
  const auto both = range("2026-01-21T10:00:00Z", "2026-01-21T10:00:02Z");
  REQUIRE(both.count == 2);
  REQUIRE(both.sum == Approx(0x1p64));

  store_with("2026-01-21T11:00:00Z", R"(,"x":1e300)");
  store_with("2026-01-21T11:00:01Z", R"(,"x":-5e-324)");
  store_with("2026-01-21T11:00:02Z", R"(,"x":-1e300)");
  const auto extreme = range("2026-01-21T11:00:00Z", "2026-01-21T12:00:00Z");
  REQUIRE(extreme.count == 3);
  REQUIRE(extreme.min == -1e300);
  REQUIRE(extreme.max == 1e300);
  REQUIRE(range("2026-01-21T11:00:01Z", "2026-01-21T11:00:02Z").max == -5e-324);

  store_with("2026-01-21T12:00:00Z", R"(,"x":1.7e308)");
  store_with("2026-01-21T12:00:01Z", R"(,"x":1.7e308)");
  const auto beyond = range("2026-01-21T12:00:00Z", "2026-01-21T13:00:00Z");
  REQUIRE(beyond.count == 2);
  REQUIRE(beyond.sum == std::numeric_limits<double>::infinity());
  REQUIRE(beyond.min == 1.7e308);
  REQUIRE(beyond.max == 1.7e308);
}

TEST_CASE_METHOD(Fixture, "late data is in the answer to the next question") {
  store_at("a", {"2026-01-21T10:00:00Z", "2026-01-21T11:00:00Z"});
  const AggregateQuery query{.bucket = 5min, .fields = {{"x"}}};
  REQUIRE(texts(query) == Texts{"2026-01-21T10:00:00Z 1 (0)", "2026-01-21T11:00:00Z 1 (0)"});
  store_with("2026-01-21T10:01:00Z", R"(,"x":2)");
  store_with("2020-01-01T00:00:00Z", R"(,"x":3)");
  REQUIRE(texts(query) == Texts{"2020-01-01T00:00:00Z 1 (1 3 3 3)",
                                "2026-01-21T10:00:00Z 2 (1 2 2 2)", "2026-01-21T11:00:00Z 1 (0)"});
}

TEST_CASE_METHOD(Fixture, "duplicates and conflicts don't count") {
  const auto event = reading("a", "2026-01-21T10:00:00Z", R"(,"x":1)");
  store_one(*store, event);
  const AggregateQuery query{.bucket = 1h, .fields = {{"x"}}};
  const Texts expected{"2026-01-21T10:00:00Z 1 (1 1 1 1)"};
  REQUIRE(write_one(*store, event).verdict == Outcome::Verdict::duplicate);
  REQUIRE(texts(query) == expected);
  REQUIRE(write_one(*store, reading("a", "2026-01-21T10:00:00Z", R"(,"x":9)")).verdict ==
          Outcome::Verdict::conflict);
  REQUIRE(texts(query) == expected);
}

TEST_CASE_METHOD(Fixture, "a store that is opened again aggregates all that it has") {
  store_all(*store, readings("a", 50));
  store.reset();
  store = place->open(schema);
  REQUIRE(texts({.bucket = 1h, .fields = {{"n"}}}) ==
          Texts{"2026-01-21T10:00:00Z 50 (50 1225 0 49)"});
}

TEST_CASE_METHOD(Fixture, "clicks are counted, whose key is no time") {
  begin_with(built_in("clickstream"));
  for (int n = 0; n < 6; ++n) {
    store_one(*store,
              decode(schema, R"({"event_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c)" +
                                 std::to_string(n) + R"(","user_id":)" + std::to_string(n % 3) +
                                 R"(,"event_type":"click","page":"/","event_time":)" +
                                 R"("2026-01-21T10:00:0)" + std::to_string(n) + R"(Z"})"));
  }
  REQUIRE(texts({.bucket = 2s, .fields = {{"user_id"}}}) ==
          Texts{"2026-01-21T10:00:00Z 2 (2 1 0 1)", "2026-01-21T10:00:02Z 2 (2 2 0 2)",
                "2026-01-21T10:00:04Z 2 (2 3 1 2)"});
  REQUIRE(texts({.filters = {{.field = "user_id", .value = "1"}}, .bucket = 1h}) ==
          Texts{"2026-01-21T10:00:00Z 2"});
  const Filter click{.field = "event_id", .value = "6BA7B810-9DAD-11D1-80B4-00C04FD430C3"};
  REQUIRE(texts({.filters = {click}, .bucket = 1h}) == Texts{"2026-01-21T10:00:00Z 1"});
  REQUIRE(
      texts({.filters = {click}, .end = time_of("2026-01-21T10:00:03Z"), .bucket = 1h}).empty());
  REQUIRE(
      texts({.filters = {click}, .bucket = 1h, .after = time_of("2026-01-21T10:00:00Z")}).empty());
}

TEST_CASE_METHOD(Fixture, "a schema without a series has aggregates") {
  begin_with(custom_schema(R"({"n":{"type":"integer"}})", R"({"key":["n"]})"));
  for (const auto* n : {"1", "-2", "9"}) {
    store_one(*store,
              decode(schema, R"({"at":"2026-01-21T10:00:00Z","n":)" + std::string(n) + "}"));
  }
  REQUIRE(texts({.fields = {{"n"}}}) == Texts{"2026-01-21T10:00:00Z 3 (3 8 -2 9)"});
}

TEST_CASE_METHOD(Fixture, "random events come to what a plain computation says") {
  const char* given = std::getenv("TRIBUTARY_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  UNSCOPED_INFO("TRIBUTARY_SEED=" << seed);
  RandomEvents random(seed);
  const auto events = random.make(400);
  store_all(*store, events);
  for (int n = 0; n < 60; ++n) {
    const auto query = random.query();
    const auto expected = plain_buckets(events, query);
    CAPTURE(seed, n, query.bucket.count(), query.descending, query.limit, query.filters.size(),
            query.start.value_or(Timestamp{}).text(), query.end.value_or(Timestamp{}).text());
    require_same(all_buckets(*store, query), expected);
  }
}

}  // namespace tributary::collector
