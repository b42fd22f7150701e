// What every Store does with what is written: verdicts, keys, and that nothing changes on its way.

#include "tests/contract/store_contract.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using enum Outcome::Verdict;
using nlohmann::json;

struct Fixture {
  std::unique_ptr<StorePlace> place = make_store_place();
  Schema schema = built_in("telemetry");
  std::unique_ptr<Store> store = place->open(schema);

  void reopen() {
    store.reset();
    store = place->open(schema);
  }
  void begin_with(Schema other) {
    store.reset();
    place = make_store_place();
    schema = std::move(other);
    store = place->open(schema);
  }
  // What comes back for an event that is alone in the store.
  std::string round_trip(const Event& event) {
    store_one(*store, event);
    const auto page = page_of(*store, {});
    REQUIRE(page.events.size() == 1);
    return page.events.front();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an event is stored once, and is a duplicate from then on") {
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  REQUIRE(write_one(*store, event).verdict == stored);
  REQUIRE(write_one(*store, event).verdict == duplicate);
  REQUIRE(write_one(*store, event).verdict == duplicate);
  REQUIRE(page_of(*store, {}).events == std::vector{event.json});
}

TEST_CASE_METHOD(Fixture, "the same content in another spelling is a duplicate") {
  store_one(*store, reading("a", "2026-01-21T10:00:00Z"));
  const auto* const other =
      R"({"timestamp":"2026-01-21T12:00:00.000+02:00", "temperature":20.0, "sensor_id":"\u0061",
          "location":{"longitude":2e0,"latitude":1}, "humidity":40.50})";
  REQUIRE(write_one(*store, decode(schema, other)).verdict == duplicate);
}

TEST_CASE_METHOD(Fixture, "other content under the same key is a conflict, and the first stays") {
  auto first = reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)");
  first.origin.received_at = time_of("2026-01-21T10:00:07Z");
  store_one(*store, first);

  const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:00Z", R"(,"n":2)"));
  REQUIRE(outcome.verdict == conflict);
  REQUIRE(
      outcome.detail ==
      R"(the store has {"sensor_id":"a","timestamp":"2026-01-21T10:00:00Z"} with other content, )"
      "received at 2026-01-21T10:00:07Z");
  REQUIRE(page_of(*store, {}).events == std::vector{first.json});
}

TEST_CASE_METHOD(Fixture, "outcomes come in the order of the events") {
  std::vector<Event> before;
  before.push_back(reading("b", "2026-01-21T10:00:00Z"));
  before.push_back(reading("c", "2026-01-21T10:00:00Z"));
  store_all(*store, before);

  std::vector<Event> batch;
  batch.push_back(reading("a", "2026-01-21T10:00:00Z"));
  batch.push_back(reading("b", "2026-01-21T10:00:00Z"));
  batch.push_back(reading("c", "2026-01-21T10:00:00Z", R"(,"n":1)"));
  batch.push_back(reading("d", "2026-01-21T10:00:00Z"));
  REQUIRE(verdicts(store->write(batch)) == std::vector{stored, duplicate, conflict, stored});
}

TEST_CASE_METHOD(Fixture, "a batch of nothing has no outcomes") {
  REQUIRE(store->write({}).empty());
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(Fixture, "readings that differ by a nanosecond are different events") {
  std::vector<Event> batch;
  batch.push_back(reading("a", "2026-01-21T10:00:00.000000001Z"));
  batch.push_back(reading("a", "2026-01-21T10:00:00.000000002Z"));
  batch.push_back(reading("a", "2026-01-21T10:00:00.0005Z"));
  store_all(*store, batch);
  REQUIRE(page_of(*store, {}).events.size() == 3);
}

TEST_CASE_METHOD(Fixture, "a store that is opened again has everything") {
  const auto events = readings("a", 50);
  store_all(*store, events);
  reopen();
  REQUIRE(page_of(*store, {}).events.size() == 50);
  REQUIRE(verdicts(store->write(events)) == std::vector(50, duplicate));
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(Fixture, "an event of the largest size comes back byte for byte") {
  const auto size = kEventSizeMax - reading("a", "2026-01-21T10:00:00Z", R"(,"x":"")").json.size();
  const auto event =
      reading("a", "2026-01-21T10:00:00Z", ",\"x\":\"" + std::string(size, 'x') + '"');
  REQUIRE(event.json.size() == kEventSizeMax);
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "unusual strings come back byte for byte, as values and as names") {
  const std::string text = GENERATE(
      std::string(), "\"quoted\" \\ 'single'", "😀 é \u2028", "$x", "$where", "$ref", "a.b", ".",
      "$", "a.$.b", "__proto__", "a/b~c", "\t\r\n\b\f\x01\x7f", "NULL", "null", "--",
      "2026-01-21T10:00:00+01:00", "2026-01-21T10:00:00.000000000Z", " ", "\xf4\x8f\xbf\xbf");
  const auto quoted = json(text).dump();
  const auto event = reading("a", "2026-01-21T10:00:00Z",
                             ",\"x\":" + quoted + ",\"nested\":{" + quoted + ":[" + quoted + "]}," +
                                 json("_" + text).dump() + ":" + quoted +
                                 (text.empty() ? "" : "," + quoted + ":{" + quoted + ":1}"));
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture,
                 "a string with a NUL comes back byte for byte, or its event is rejected") {
  const auto* const more =
      GENERATE(R"(,"x":"a\u0000b")", R"(,"y":["\u0000",{"z":"\\\u0000\u0000"}])");
  const auto event = reading("a", "2026-01-21T10:00:00Z", more);
  if (place->takes_nul()) {
    REQUIRE(round_trip(event) == event.json);
    return;
  }
  const auto outcome = write_one(*store, event);
  REQUIRE(outcome.verdict == rejected);
  REQUIRE_THAT(outcome.detail, Catch::Contains("NUL"));
}

TEST_CASE_METHOD(Fixture, "what only looks like a NUL comes back byte for byte") {
  const auto event =
      reading("a", "2026-01-21T10:00:00Z", R"(,"x":["\\u0000","\\\\u0000"],"\\u0000":"\\u0000")");
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "a name that the store can't hold is rejected alone, and never changed") {
  const auto* const more =
      GENERATE(R"(,"\u0000":1)", R"(,"a\u0000b":1)", R"(,"x":[{"a\u0000":{}}])");
  auto batch = readings("a", 5);
  batch.push_back(reading("b", "2026-01-21T11:00:00Z", more));
  batch.push_back(reading("c", "2026-01-21T12:00:00Z"));
  const auto outcomes = store->write(batch);
  const auto& unusual = outcomes.at(5);
  std::vector<std::string> expected;
  for (const auto& event : batch) expected.push_back(event.json);
  if (unusual.verdict == rejected) {
    REQUIRE_THAT(unusual.detail, Catch::Contains("NUL"));
    expected.erase(expected.begin() + 5);
  } else {
    REQUIRE(unusual.verdict == stored);
  }
  for (const auto index : {0U, 1U, 2U, 3U, 4U, 6U}) {
    REQUIRE(outcomes.at(index).verdict == stored);
  }
  REQUIRE(page_of(*store, {}).events == expected);
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(Fixture, "a string of 100 KB comes back byte for byte") {
  const auto event =
      reading("a", "2026-01-21T10:00:00Z", ",\"x\":\"" + std::string(100'000, 'y') + '"');
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "an unusual string in the key is a key of its own") {
  std::vector<Event> batch;
  for (const auto* text : {"a", "A", "\"a\"", "$a", "a.b", "😀", "é", "e\u0301", "a "}) {
    batch.push_back(reading(text, "2026-01-21T10:00:00Z"));
  }
  if (place->takes_nul()) {
    batch.push_back(reading(std::string("a\0", 2), "2026-01-21T10:00:00Z"));
  }
  store_all(*store, batch);
  REQUIRE(verdicts(store->write(batch)) == std::vector(batch.size(), duplicate));
}

TEST_CASE_METHOD(Fixture, "numbers come back as they were, however large or small") {
  const auto event =
      reading("a", "2026-01-21T10:00:00Z",
              R"(,"x":[9223372036854775807,-9223372036854775808,9007199254740993,)"
              R"(0.1,0.30000000000000004,1e300,5e-324,-0.0,1e-7,123456789.123456789])");
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "every kind of value comes back as it was, to any depth") {
  std::string deep = "1";
  for (std::size_t depth = 2; depth < kNestingMax; ++depth) {
    deep = depth % 2 == 0 ? "[" + deep + "]" : "{\"x\":" + deep + "}";
  }
  const auto event =
      reading("a", "2026-01-21T10:00:00Z",
              R"(,"deep":)" + deep +
                  R"(,"all":[{},[],null,true,false,"",0,1.5,[[],{}],{"a":{"b":[]}}],)"
                  R"("location_":{"latitude":"1","longitude":[2.0]},)"
                  R"("id":1,"timestam":2,"timestamp_":3,"timestamp_n":4,"_":5)");
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "times come back to the nanosecond, wherever they stand") {
  const auto* const time =
      GENERATE("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999Z",
               "1970-01-01T00:00:00.000001Z", "2016-12-31T23:59:60Z",
               "2016-12-31T23:59:60.000000001Z", "2016-12-31T23:59:60.999999999Z",
               "2026-01-21T10:00:00.100Z", "9999-12-31T23:59:59.999999999Z");
  begin_with(custom_schema(R"({"t":{"type":"string","format":"date-time"},
                               "o":{"type":"object","properties":{
                                    "t":{"type":"string","format":"date-time"}}},
                               "m":{"format":"date-time"}})",
                           R"({"key":["t"]})"));
  const auto text = json(time).dump();
  const auto event = decode(schema, "{\"at\":" + text + ",\"t\":" + text + ",\"o\":{\"t\":" + text +
                                        "},\"m\":[" + text + "],\"free\":" + text + "}");
  REQUIRE(round_trip(event) == event.json);
  REQUIRE(write_one(*store, event).verdict == duplicate);
}

TEST_CASE_METHOD(Fixture,
                 "a batch of 5,000 has an outcome for each event, stored ones and others") {
  const auto events = readings("a", 5'000);
  std::vector<Event> before;
  for (std::size_t n = 0; n < events.size(); n += 3) {
    before.push_back(decode(schema, events[n].json));
  }
  for (std::size_t n = 1; n < events.size(); n += 999) {
    const auto time = (*events[n].document).at("timestamp").get<std::string>();
    before.push_back(reading("a", time, R"(,"other":true)"));
  }
  store_all(*store, before);

  const auto outcomes = verdicts(store->write(events));
  for (std::size_t n = 0; n < events.size(); ++n) {
    CAPTURE(n);
    REQUIRE(outcomes[n] == (n % 3 == 0 ? duplicate : n % 999 == 1 ? conflict : stored));
  }
  const auto again = verdicts(store->write(events));
  REQUIRE(std::ranges::count(again, conflict) == std::ranges::count(outcomes, conflict));
  REQUIRE(std::ranges::count(again, duplicate) == 5'000 - std::ranges::count(outcomes, conflict));
}

TEST_CASE_METHOD(Fixture, "a click is identified by its UUID, in any case") {
  begin_with(built_in("clickstream"));
  const auto click = [&](std::string_view id, std::string_view page) {
    return decode(schema, R"({"event_id":")" + std::string(id) +
                              R"(","user_id":7,"event_type":"click","page":")" + std::string(page) +
                              R"(","event_time":"2026-01-21T10:00:00Z"})");
  };
  store_one(*store, click("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "/"));
  REQUIRE(write_one(*store, click("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "/")).verdict ==
          duplicate);
  REQUIRE(write_one(*store, click("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "/b")).verdict ==
          conflict);
  REQUIRE(write_one(*store, click("6ba7b810-9dad-11d1-80b4-00c04fd430c9", "/")).verdict == stored);
  REQUIRE(page_of(*store, {}).events.size() == 2);
}

TEST_CASE_METHOD(Fixture, "a measurement keeps all its values and tags") {
  begin_with(built_in("measurement"));
  const auto event = decode(schema, R"({"sensor_id":"host","timestamp":"2026-01-21T10:00:00.5Z",
      "values":{"cpu":0.25,"a.b":1,"$x":-2,"":3},"tags":{"host":"gateway-7","__proto__":"x"}})");
  REQUIRE(round_trip(event) == event.json);
}

TEST_CASE_METHOD(Fixture, "a key of several fields of every type tells events apart") {
  begin_with(custom_schema(R"({"s":{"type":"string"},"i":{"type":"integer"},"x":{"type":"number"},
                            "b":{"type":"boolean"}})",
                           R"({"key":["s","i","x","b"]})"));
  const auto event = [&](std::string_view s, std::string_view i, std::string_view x,
                         std::string_view b) {
    return decode(schema, "{\"at\":\"2026-01-21T10:00:00Z\",\"s\":\"" + std::string(s) +
                              "\",\"i\":" + std::string(i) + ",\"x\":" + std::string(x) +
                              ",\"b\":" + std::string(b) + "}");
  };
  store_one(*store, event("a", "1", "2", "true"));
  REQUIRE(write_one(*store, event("a", "1.0", "2.0", "true")).verdict == duplicate);
  store_one(*store, event("b", "1", "2", "true"));
  store_one(*store, event("a", "2", "2", "true"));
  store_one(*store, event("a", "1", "2.5", "true"));
  store_one(*store, event("a", "1", "2", "false"));
  store_one(*store, event("a", "9007199254740993", "2", "true"));
  store_one(*store, event("a", "9007199254740992", "2", "true"));
  store_one(*store, event("a", "1", "9007199254740993", "true"));
  store_one(*store, event("a", "1", "9007199254740992", "true"));
}

}  // namespace tributary::collector
