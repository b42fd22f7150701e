// What every Store says of its series.

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "shared/event/json.h"
#include "tests/contract/store_contract.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

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
  void store_reading(std::string_view sensor, std::string_view time, std::string_view more = "") {
    store_one(*store, reading(sensor, time, more));
  }
  // A click of a user; `number` (two digits) makes its key.
  void store_click(std::string_view user, std::string_view number,
                   std::string_view time = "2026-01-21T10:00:00Z") {
    store_one(*store,
              decode(schema, R"({"event_id":"6ba7b810-9dad-11d1-80b4-00c04fd430)" +
                                 std::string(number) + R"(","user_id":)" + std::string(user) +
                                 R"(,"event_type":"click","page":"/","event_time":")" +
                                 std::string(time) + R"("})"));
  }
  Series only_series() {
    auto page = series_of(*store, {});
    REQUIRE(page.series.size() == 1);
    REQUIRE_FALSE(page.more);
    return std::move(page.series.front());
  }
};

std::string canonical(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a series has its first time, its last, and its latest event") {
  store_reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)");
  auto series = only_series();
  REQUIRE(series.id == R"("a")");
  REQUIRE(series.first == time_of("2026-01-21T10:00:00Z"));
  REQUIRE(series.last == series.first);
  REQUIRE(series.latest == reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)").json);

  const auto latest = reading("a", "2026-01-21T10:00:00.000000001Z", R"(,"n":2,"o":{"x":[1]})");
  store_one(*store, latest);
  series = only_series();
  REQUIRE(series.first == time_of("2026-01-21T10:00:00Z"));
  REQUIRE(series.last == latest.time);
  REQUIRE(series.latest == latest.json);
}

TEST_CASE_METHOD(Fixture, "late data never replaces what is newer, and earlier data is the first") {
  const auto newest = reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)");
  store_one(*store, newest);
  store_reading("a", "2026-01-21T09:59:59.999999999Z", R"(,"n":2)");
  store_reading("a", "1969-12-31T23:59:59.999999999Z", R"(,"n":3)");
  store_reading("a", "2026-01-20T10:00:00Z", R"(,"n":4)");
  const auto series = only_series();
  REQUIRE(series.first == time_of("1969-12-31T23:59:59.999999999Z"));
  REQUIRE(series.last == newest.time);
  REQUIRE(series.latest == newest.json);
}

TEST_CASE_METHOD(Fixture, "a duplicate and a conflict change no series") {
  const auto event = reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)");
  store_one(*store, event);
  REQUIRE(write_one(*store, event).verdict == Outcome::Verdict::duplicate);
  REQUIRE(write_one(*store, reading("a", "2026-01-21T10:00:00Z", R"(,"n":2)")).verdict ==
          Outcome::Verdict::conflict);
  REQUIRE(only_series().latest == event.json);
}

TEST_CASE_METHOD(Fixture, "a leap second is later than the second before it") {
  store_reading("a", "2016-12-31T23:59:60.5Z");
  store_reading("a", "2016-12-31T23:59:59.999999999Z");
  store_reading("b", "2016-12-31T23:59:60.999999999Z");
  store_reading("b", "2017-01-01T00:00:00Z");
  const auto all = series_of(*store, {}).series;
  REQUIRE(all.at(0).first == time_of("2016-12-31T23:59:59.999999999Z"));
  REQUIRE(all.at(0).last == time_of("2016-12-31T23:59:60.5Z"));
  REQUIRE(all.at(1).first == time_of("2016-12-31T23:59:60.999999999Z"));
  REQUIRE(all.at(1).last == time_of("2017-01-01T00:00:00Z"));
}

TEST_CASE_METHOD(Fixture, "of several events at one time the latest is the last by key") {
  begin_with(built_in("clickstream"));
  store_click("7", "70");
  store_click("7", "ff");
  store_click("7", "80");
  store_click("7", "fe", "2026-01-21T09:00:00Z");
  store_click("8", "81");
  const auto all = series_of(*store, {}).series;
  REQUIRE(all.size() == 2);
  REQUIRE(json::parse(all.at(0).latest).at("event_id") == "6ba7b810-9dad-11d1-80b4-00c04fd430ff");
  REQUIRE(all.at(0).first == time_of("2026-01-21T09:00:00Z"));
  REQUIRE(json::parse(all.at(1).latest).at("event_id") == "6ba7b810-9dad-11d1-80b4-00c04fd43081");
}

TEST_CASE_METHOD(Fixture, "the last by key is so field by field, numbers by value") {
  begin_with(
      custom_schema(R"({"s":{"type":"string"},"i":{"type":"integer"},"x":{"type":"number"}})",
                    R"({"key":["i","s","x"],"series":"s"})"));
  const auto event = [this](const char* i, const char* x) {
    return decode(schema, R"({"at":"2026-01-21T10:00:00Z","s":"a","i":)" + std::string(i) +
                              ",\"x\":" + x + "}");
  };
  std::vector<Event> events;
  for (const auto* x : {"-0.5", "3", "9", "2.5"}) {
    events.push_back(event("9", x));
    events.push_back(event("-10", x));
    events.push_back(event("10", x));
  }
  store_all(*store, events);
  REQUIRE(only_series().latest == event("10", "9").json);
}

TEST_CASE_METHOD(Fixture, "series come in the order of the bytes of their ids") {
  std::vector<std::string> sensors{"b",
                                   "a",
                                   "B",
                                   "aa",
                                   "a ",
                                   "é",
                                   "e\u0301",
                                   "😀",
                                   "\uffff",
                                   "$x",
                                   "a.b",
                                   "\"",
                                   "'",
                                   "\\",
                                   "1",
                                   "01",
                                   "null",
                                   "10",
                                   " a",
                                   "a/b~c",
                                   "\x01",
                                   "\t",
                                   "%",
                                   "__proto__",
                                   "2026-01-21T10:00:00Z",
                                   std::string(128, 'x'),
                                   "_id"};
  if (place->takes_nul()) {
    sensors.insert(sensors.end(), {std::string("a\0", 2), std::string("a\0b", 3)});
  }
  std::vector<Event> events;
  for (const auto& sensor : sensors) {
    events.push_back(reading(sensor, "2026-01-21T10:00:00Z"));
    events.push_back(reading(sensor, "2026-01-21T10:00:01Z", R"(,"n":1)"));
  }
  store_all(*store, events);
  auto sorted = sensors;
  std::ranges::sort(sorted);
  Texts expected;
  for (const auto& sensor : sorted) expected.push_back(canonical(sensor));
  REQUIRE(ids_of(series_of(*store, {}).series) == expected);
  for (const std::size_t limit : {1U, 2U, 29U}) {
    const auto all = all_series(*store, {.limit = limit});
    REQUIRE(ids_of(all) == expected);
    for (std::size_t n = 0; n < all.size(); ++n) {
      REQUIRE(all[n].first == time_of("2026-01-21T10:00:00Z"));
      REQUIRE(all[n].latest == reading(sorted[n], "2026-01-21T10:00:01Z", R"(,"n":1)").json);
    }
  }
}

TEST_CASE_METHOD(Fixture, "series that are integers come by value") {
  begin_with(built_in("clickstream"));
  const Texts expected{
      "-9223372036854775808", "-10", "-9", "0", "9", "10", "9007199254740992", "9007199254740993",
      "9223372036854775807"};
  for (std::size_t n = expected.size(); n-- > 0;) {
    store_click(expected[n], std::to_string(10 + n));
    store_click(expected[n], std::to_string(30 + n), "2026-01-21T11:00:00Z");
  }
  REQUIRE(ids_of(series_of(*store, {}).series) == expected);
  for (const std::size_t limit : {1U, 4U}) {
    const auto all = all_series(*store, {.limit = limit});
    REQUIRE(ids_of(all) == expected);
    REQUIRE(std::ranges::all_of(all, [](const Series& series) {
      return series.first == time_of("2026-01-21T10:00:00Z") &&
             series.last == time_of("2026-01-21T11:00:00Z");
    }));
  }
}

TEST_CASE_METHOD(Fixture, "a series may be a number, true or false, a UUID, a time") {
  struct Row {
    const char* type;
    Texts ids;
  };
  const auto row = GENERATE(
      Row{R"({"type":"number"})",
          {"-1.5e+300", "-1", "0", "0.1", "7", "9007199254740993", "1e+300"}},
      Row{R"({"type":"boolean"})", {"false", "true"}},
      Row{R"({"type":"string","format":"uuid"})",
          {R"("00000000-0000-0000-0000-000000000009")", R"("00000000-0000-0000-0000-00000000000a")",
           R"("a0000000-0000-0000-0000-000000000000")"}},
      Row{R"({"type":"string","format":"date-time"})",
          {R"("0001-01-01T00:00:00Z")", R"("1969-12-31T23:59:59Z")", R"("2026-01-21T10:00:00Z")"}});
  begin_with(custom_schema(std::string(R"({"k":)") + row.type + R"(,"n":{"type":"integer"}})",
                           R"({"key":["n"],"series":"k"})"));
  int n = 0;
  for (const auto* const time : {"2026-01-21T11:00:00Z", "2026-01-21T10:00:00.5Z"}) {
    for (auto id = row.ids.rbegin(); id != row.ids.rend(); ++id) {
      store_one(*store, decode(schema, R"({"at":")" + std::string(time) + R"(","k":)" + *id +
                                           ",\"n\":" + std::to_string(n++) + "}"));
    }
  }
  REQUIRE(ids_of(series_of(*store, {}).series) == row.ids);
  const auto all = all_series(*store, {.limit = 1});
  REQUIRE(ids_of(all) == row.ids);
  for (const auto& series : all) {
    REQUIRE(series.first == time_of("2026-01-21T10:00:00.5Z"));
    REQUIRE(series.last == time_of("2026-01-21T11:00:00Z"));
    REQUIRE(canonical(json::parse(series.latest).at("k")) == series.id);
  }
}

TEST_CASE_METHOD(Fixture, "a page has its limit of series, and says whether there are more") {
  for (const auto* sensor : {"d", "b", "a", "c"}) store_reading(sensor, "2026-01-21T10:00:00Z");
  const auto page = [this](std::size_t limit, std::optional<std::string> after) {
    return series_of(*store, {.limit = limit, .after = std::move(after)});
  };
  REQUIRE(ids_of(page(3, {}).series) == Texts{R"("a")", R"("b")", R"("c")"});
  REQUIRE(page(3, {}).more);
  REQUIRE_FALSE(page(4, {}).more);
  REQUIRE_FALSE(page(100'000, {}).more);
  REQUIRE(ids_of(page(2, R"("a")").series) == Texts{R"("b")", R"("c")"});
  REQUIRE(page(2, R"("a")").more);
  REQUIRE(ids_of(page(2, R"("b")").series) == Texts{R"("c")", R"("d")"});
  REQUIRE_FALSE(page(2, R"("b")").more);
  REQUIRE(page(2, R"("d")").series.empty());
  REQUIRE_FALSE(page(2, R"("d")").more);
}

TEST_CASE_METHOD(Fixture, "a page goes on behind an id that no series has") {
  store_reading("a", "2026-01-21T10:00:00Z");
  store_reading("c", "2026-01-21T10:00:00Z");
  REQUIRE(ids_of(series_of(*store, {.after = R"("b")"}).series) == Texts{R"("c")"});
  REQUIRE(ids_of(series_of(*store, {.after = R"("")"}).series) == Texts{R"("a")", R"("c")"});
}

TEST_CASE_METHOD(Fixture, "an empty store has no series") {
  const auto page = series_of(*store, {});
  REQUIRE(page.series.empty());
  REQUIRE_FALSE(page.more);
  REQUIRE(series_of(*store, {.after = R"("a")"}).series.empty());
}

TEST_CASE_METHOD(Fixture, "a page of series after an insert repeats nothing and loses nothing") {
  for (const auto* sensor : {"b", "d", "f", "h"}) store_reading(sensor, "2026-01-21T10:00:00Z");
  const auto first = series_of(*store, {.limit = 2});
  REQUIRE(ids_of(first.series) == Texts{R"("b")", R"("d")"});
  for (const auto* sensor : {"a", "c", "e", "z"}) store_reading(sensor, "2026-01-21T10:00:00Z");
  store_reading("f", "2026-01-21T11:00:00Z");
  store_reading("d", "2026-01-21T11:00:00Z");
  const auto rest = series_of(*store, {.after = first.series.back().id});
  REQUIRE(ids_of(rest.series) == Texts{R"("e")", R"("f")", R"("h")", R"("z")"});
  REQUIRE(rest.series.at(1).last == time_of("2026-01-21T11:00:00Z"));
  REQUIRE_FALSE(rest.more);
}

TEST_CASE_METHOD(Fixture, "the latest event comes with its origin when asked for") {
  auto event = reading("a", "2026-01-21T10:00:00Z");
  event.origin.source = "mqtt";
  event.origin.sequence = {42};
  store_one(*store, event);
  REQUIRE(only_series().latest == event.json);
  const auto page = series_of(*store, {.meta = true});
  const auto latest = json::parse(page.series.at(0).latest);
  REQUIRE(latest.at("_tributary").at("source") == "mqtt");
  REQUIRE(latest.at("_tributary").at("sequence") == 42);
  REQUIRE(latest.at("_tributary").at("hash").get<std::string>().size() == 32);
  REQUIRE(page_of(*store, {.meta = true}).events == Texts{page.series.at(0).latest});
}

TEST_CASE_METHOD(Fixture, "many series of many events are all seen, whatever the page") {
  std::vector<Event> events;
  for (int sensor = 0; sensor < 250; ++sensor) {
    for (int n = 0; n < 8; ++n) {
      // Not in the order of time.
      events.push_back(reading("sensor_" + std::to_string(1'000 + sensor),
                               "2026-01-21T10:00:0" + std::to_string((n * 3 + sensor) % 8) + "Z"));
    }
  }
  store_all(*store, events);
  for (const std::size_t limit : {7U, 100U, 250U, 1'000U}) {
    const auto all = all_series(*store, {.limit = limit});
    REQUIRE(all.size() == 250);
    for (std::size_t n = 0; n < all.size(); ++n) {
      REQUIRE(all[n].id == "\"sensor_" + std::to_string(1'000 + n) + '"');
      REQUIRE(all[n].first == time_of("2026-01-21T10:00:00Z"));
      REQUIRE(all[n].last == time_of("2026-01-21T10:00:07Z"));
    }
  }
}

TEST_CASE_METHOD(Fixture, "all series are seen when their latest events are very large") {
  for (int n = 0; n < 40; ++n) {
    store_reading("s" + std::to_string(10 + n), "2026-01-21T10:00:00Z",
                  ",\"x\":\"" + std::string(250'000, 'x') + '"');
  }
  const auto all = all_series(*store, {.limit = 40});
  REQUIRE(all.size() == 40);
  REQUIRE(all.back().latest.size() > 250'000);
}

TEST_CASE_METHOD(Fixture, "a schema without a series has none") {
  begin_with(custom_schema(R"({"n":{"type":"integer"}})", R"({"key":["n"]})"));
  REQUIRE(page_of(*store, {}).events.empty());
  const auto refused = store->series({});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error() == errc::unsupported);
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(Fixture, "what is no id of a series is refused") {
  const auto require_refused = [this](const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
      CAPTURE(text);
      const auto refused = store->series({.after = text});
      REQUIRE_FALSE(refused);
      REQUIRE(refused.error() == errc::invalid_argument);
    }
    REQUIRE(series_of(*store, {}).series.size() <= 1);
    REQUIRE(store->health().up);
  };
  store_reading("a", "2026-01-21T10:00:00Z");
  require_refused({"", "a", "'a'", "7", "null", "true", "[\"a\"]", R"({"$gt":""})", "\"a", "\"a\"b",
                   "\"\xff\"", "\"a\nb\""});
  begin_with(built_in("clickstream"));
  store_click("7", "10");
  require_refused({"", "\"7\"", "7.5", "1e300", "9223372036854775808", "null", "true", "[7]",
                   R"({"$gt":0})", "x"});
  begin_with(custom_schema(R"({"k":{"type":"string","format":"uuid"},"n":{"type":"integer"}})",
                           R"({"key":["n"],"series":"k"})"));
  require_refused({R"("a")", "7", R"("00000000-0000-0000-0000-00000000000")"});
  begin_with(custom_schema(R"({"k":{"type":"string","format":"date-time"},"n":{"type":"integer"}})",
                           R"({"key":["n"],"series":"k"})"));
  require_refused({R"("a")", "7", R"("2026-01-21")"});
}

}  // namespace tributary::collector
