// What every Store answers: order, pages, ranges, filters and the origin of events.

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_contract.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using nlohmann::json;

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
  // Stores readings of one sensor each at these times, numbered in this order.
  void store_at(const std::vector<std::string>& times, const std::vector<std::string>& sensors) {
    std::vector<Event> events;
    for (std::size_t n = 0; n < times.size(); ++n) {
      events.push_back(
          reading(sensors[n % sensors.size()], times[n], ",\"n\":" + std::to_string(n)));
    }
    store_all(*store, events);
  }
  std::vector<int> range(std::string_view start, std::string_view end) {
    return numbers(page_of(*store, {.start = time_of(start), .end = time_of(end)}).events);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "events come by time, then by key, in both directions") {
  store_at({"2026-01-21T10:00:01Z", "2026-01-21T10:00:00.000000001Z", "2026-01-21T10:00:00Z",
            "2026-01-21T10:00:00Z", "2026-01-21T10:00:00Z", "2026-01-21T10:00:00Z",
            "2026-01-21T09:59:59.999999999Z"},
           {"z", "a", "b", "aa", "B", "é", "zz"});
  const std::vector order{6, 4, 3, 2, 5, 1, 0};
  REQUIRE(numbers(page_of(*store, {}).events) == order);
  REQUIRE(numbers(page_of(*store, {.descending = true}).events) ==
          std::vector(order.rbegin(), order.rend()));
}

TEST_CASE_METHOD(Fixture, "events of one time come in the order of their keys, of any type") {
  const auto types = GENERATE(R"({"type":"string"})", R"({"type":"integer"})",
                              R"({"type":"number"})", R"({"type":"string","format":"uuid"})",
                              R"({"type":"string","format":"date-time"})", R"({"type":"boolean"})");
  begin_with(custom_schema(std::string(R"({"k":)") + types + R"(,"n":{"type":"integer"}})",
                           R"({"key":["k","n"]})"));
  std::vector<std::pair<std::string, std::string>> keys;
  for (const auto* value : {"true",
                            "false",
                            "0",
                            "-1",
                            "7",
                            "9007199254740993",
                            "-9223372036854775808",
                            "9223372036854775807",
                            "0.5",
                            "-0.5",
                            "1e300",
                            "5e-324",
                            R"("")",
                            R"("a")",
                            R"("a\u0000")",
                            R"("a\u0000b")",
                            R"("b")",
                            R"("A")",
                            R"("é")",
                            R"("😀")",
                            R"("\uffff")",
                            R"("00000000-0000-0000-0000-00000000000a")",
                            R"("00000000-0000-0000-0000-000000000009")",
                            R"("a0000000-0000-0000-0000-000000000000")",
                            R"("2016-12-31T23:59:60Z")",
                            R"("2016-12-31T23:59:59.999999999Z")",
                            R"("2017-01-01T00:00:00Z")",
                            R"("2017-01-01T00:00:00.5Z")",
                            R"("0001-01-01T00:00:00Z")"}) {
    for (const auto* n : {"1", "-1"}) {
      auto event = Codec(schema).decode(R"({"at":"2026-01-21T10:00:00Z","k":)" +
                                        std::string(value) + ",\"n\":" + n + "}");
      if (!event) continue;  // not of this type
      if (!place->takes_nul() && std::string_view(value).contains("u0000")) continue;
      store_one(*store, *event);
      keys.emplace_back(event->key, event->json);
    }
  }
  std::ranges::sort(keys);
  std::vector<std::string> expected;
  for (const auto& [key, text] : keys) expected.push_back(text);
  REQUIRE(expected.size() >= 4);
  REQUIRE(all_pages(*store, {.limit = 3}) == expected);
  REQUIRE(page_of(*store, {}).events == expected);
  std::ranges::reverse(expected);
  REQUIRE(all_pages(*store, {.descending = true, .limit = 3}) == expected);
}

TEST_CASE_METHOD(Fixture, "a cursor of one series goes on in another, in the order of all") {
  const std::string time = "2026-01-21T10:00:01Z";
  store_at({time, time, time, "2026-01-21T10:00:00Z", "2026-01-21T10:00:02Z"},
           {"a", "b", "c", "b", "b"});
  const auto page = page_of(*store, {.limit = 3});  // 3, 0, 1
  for (const bool descending : {false, true}) {
    const auto found = [&](const char* sensor) {
      return numbers(page_of(*store, {.filters = {{.field = "sensor_id", .value = sensor}},
                                      .descending = descending,
                                      .after = page.next})
                         .events);
    };
    REQUIRE(found("a") == (descending ? std::vector{0} : std::vector<int>{}));
    REQUIRE(found("b") == (descending ? std::vector{3} : std::vector{4}));
    REQUIRE(found("c") == (descending ? std::vector<int>{} : std::vector{2}));
  }
}

TEST_CASE_METHOD(Fixture, "pages give each event once, in both directions") {
  const std::string time = "2026-01-21T10:00:00Z";
  store_at({time, time, time, time, time, "2026-01-21T10:00:01Z", "2026-01-21T10:00:02Z",
            "2026-01-21T10:00:02Z", "2026-01-21T10:00:03Z"},
           {"a", "b", "c", "d", "e"});
  const auto limit = GENERATE(1U, 2U, 3U, 4U, 8U, 9U, 10U);
  const std::vector order{0, 1, 2, 3, 4, 5, 6, 7, 8};
  REQUIRE(numbers(all_pages(*store, {.limit = limit})) == order);
  REQUIRE(numbers(all_pages(*store, {.descending = true, .limit = limit})) ==
          std::vector(order.rbegin(), order.rend()));
}

TEST_CASE_METHOD(Fixture, "there is a next page only when there is more") {
  store_all(*store, readings("a", 4));
  REQUIRE(page_of(*store, {.limit = 3}).next);
  REQUIRE_FALSE(page_of(*store, {.limit = 4}).next);
  REQUIRE_FALSE(page_of(*store, {.limit = 5}).next);
  REQUIRE_FALSE(page_of(*store, {.filters = {{.field = "n", .value = "2"}}, .limit = 1}).next);
}

TEST_CASE_METHOD(Fixture, "a page after an insert repeats nothing and loses nothing") {
  const bool descending = GENERATE(false, true);
  store_all(*store, readings("m", 6));
  Query query{.descending = descending, .limit = 3};
  const auto first = page_of(*store, query);
  store_one(*store, reading("m", "2026-01-21T09:00:00Z", R"(,"n":100)"));
  store_one(*store, reading("a", "2026-01-21T10:00:04Z", R"(,"n":200)"));
  store_one(*store, reading("z", "2026-01-21T10:00:01Z", R"(,"n":300)"));

  query.after = first.next;
  query.limit = 100;
  const auto second = numbers(page_of(*store, query).events);
  if (descending) {
    REQUIRE(numbers(first.events) == std::vector{5, 4, 3});
    REQUIRE(second == std::vector{2, 300, 1, 0, 100});
  } else {
    REQUIRE(numbers(first.events) == std::vector{0, 1, 2});
    REQUIRE(second == std::vector{3, 200, 4, 5});
  }
}

TEST_CASE_METHOD(Fixture, "a range has its start and not its end, to the nanosecond") {
  store_at({"2026-01-21T10:00:00Z", "2026-01-21T10:00:00.000000001Z",
            "2026-01-21T10:00:00.999999999Z", "2026-01-21T10:00:01Z"},
           {"a", "b"});
  REQUIRE(range("2026-01-21T10:00:00Z", "2026-01-21T10:00:01Z") == std::vector{0, 1, 2});
  REQUIRE(range("2026-01-21T10:00:00.000000001Z", "2026-01-21T10:00:00.999999999Z") ==
          std::vector{1});
  REQUIRE(range("2026-01-21T10:00:01Z", "2026-01-21T10:00:01.000000001Z") == std::vector{3});
  REQUIRE(range("2026-01-21T11:00:01+01:00", "2026-01-21T11:00:02+01:00") == std::vector{3});
  REQUIRE(range("2026-01-21T10:00:01Z", "2026-01-21T10:00:01Z").empty());
  REQUIRE(range("2026-01-21T10:00:01Z", "2026-01-21T10:00:00Z").empty());
}

TEST_CASE_METHOD(Fixture, "a range holds on every page") {
  store_all(*store, readings("a", 10));
  Query query{
      .start = time_of("2026-01-21T10:00:02Z"), .end = time_of("2026-01-21T10:00:07Z"), .limit = 2};
  REQUIRE(numbers(all_pages(*store, query)) == std::vector{2, 3, 4, 5, 6});
  query.descending = true;
  REQUIRE(numbers(all_pages(*store, query)) == std::vector{6, 5, 4, 3, 2});
}

TEST_CASE_METHOD(Fixture, "a leap second lies between the seconds around it") {
  store_at({"2017-01-01T00:00:00Z", "2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999999999Z",
            "2016-12-31T23:59:60Z"},
           {"a"});
  REQUIRE(numbers(page_of(*store, {}).events) == std::vector{2, 3, 1, 0});
  REQUIRE(range("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z") == std::vector{3, 1});
  REQUIRE(range("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z") == std::vector{2});
  REQUIRE(numbers_where(*store, {{.field = "timestamp", .value = "2016-12-31T23:59:60.5Z"}}) ==
          std::vector{1});
}

TEST_CASE_METHOD(Fixture, "years 0001 and 9999 are years like others") {
  store_at({"9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z",
            "1970-01-01T00:00:00Z"},
           {"a"});
  REQUIRE(numbers(all_pages(*store, {.limit = 1})) == std::vector{1, 2, 3, 0});
  REQUIRE(numbers(all_pages(*store, {.descending = true, .limit = 1})) == std::vector{0, 3, 2, 1});
  REQUIRE(range("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z") == std::vector{1, 2, 3});
}

TEST_CASE_METHOD(Fixture, "a series is found among others") {
  store_at({"2026-01-21T10:00:00Z", "2026-01-21T10:00:01Z", "2026-01-21T10:00:02Z",
            "2026-01-21T10:00:03Z", "2026-01-21T10:00:04Z"},
           {"a", "b", "aa"});
  Query query{.filters = {{.field = "sensor_id", .value = "a"}}, .limit = 1};
  REQUIRE(numbers(all_pages(*store, query)) == std::vector{0, 3});
  query.start = time_of("2026-01-21T10:00:01Z");
  REQUIRE(numbers(all_pages(*store, query)) == std::vector{3});
  query.filters.push_back({.field = "timestamp", .value = "2026-01-21T11:00:03+01:00"});
  REQUIRE(numbers(all_pages(*store, query)) == std::vector{3});
}

TEST_CASE_METHOD(Fixture, "a declared field is compared as its type") {
  begin_with(custom_schema(R"({"s":{"type":"string"},"i":{"type":"integer"},"x":{"type":"number"},
                             "b":{"type":"boolean"},"u":{"type":"string","format":"uuid"},
                             "t":{"type":"string","format":"date-time"},"n":{"type":"integer"}})",
                           R"({"key":["n"]})"));
  store_one(*store,
            decode(schema, R"({"n":0,"at":"2026-01-21T10:00:00Z","s":"5","i":5,"x":5,"b":true,
      "u":"6BA7B810-9dad-11d1-80b4-00c04fd430c8","t":"2026-01-21T10:00:00+01:00"})"));
  store_one(*store,
            decode(schema, R"({"n":1,"at":"2026-01-21T10:00:01Z","s":"5.0","i":-9223372036854775808,
      "x":0.1,"b":false,"u":"00000000-0000-0000-0000-000000000000","t":"2026-01-21T10:00:00.5Z"})"));
  const auto found = [this](const char* field, const char* value) {
    return numbers_where(*store, {{.field = field, .value = value}});
  };
  REQUIRE(found("s", "5") == std::vector{0});
  REQUIRE(found("s", "5.0") == std::vector{1});
  REQUIRE(found("i", "5") == std::vector{0});
  REQUIRE(found("i", "5.0") == std::vector{0});
  REQUIRE(found("i", "-9223372036854775808") == std::vector{1});
  REQUIRE(found("x", "5") == std::vector{0});
  REQUIRE(found("x", "5.000") == std::vector{0});
  REQUIRE(found("x", "1e-1") == std::vector{1});
  REQUIRE(found("x", "0.10000000000000001") == std::vector{1});
  REQUIRE(found("b", "true") == std::vector{0});
  REQUIRE(found("b", "false") == std::vector{1});
  REQUIRE(found("u", "6ba7b810-9dad-11D1-80b4-00c04fd430C8") == std::vector{0});
  REQUIRE(found("t", "2026-01-21T09:00:00.000Z") == std::vector{0});
  REQUIRE(found("t", "2026-01-21T10:00:00.500+00:00") == std::vector{1});
  REQUIRE(found("n", "1") == std::vector{1});
  REQUIRE(found("at", "2026-01-21T10:00:01.0Z") == std::vector{1});

  for (const auto& [field, value] :
       std::vector<std::pair<const char*, const char*>>{{"i", "five"},
                                                        {"i", "5.5"},
                                                        {"i", ""},
                                                        {"i", "9223372036854775808"},
                                                        {"x", "warm"},
                                                        {"x", "1e999"},
                                                        {"x", " 5"},
                                                        {"x", "NaN"},
                                                        {"b", "yes"},
                                                        {"b", "1"},
                                                        {"u", "6ba7b810"},
                                                        {"t", "yesterday"},
                                                        {"at", "2026-01-21"}}) {
    const auto refused = store->query({.filters = {{.field = field, .value = value}}});
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error() == errc::invalid_argument);
    REQUIRE_THAT(refused.error().message(),
                 Catch::StartsWith(std::string(field) + "=" + value + ": "));
  }
}

TEST_CASE_METHOD(Fixture, "an undeclared field matches as a string, a number, true or false") {
  const std::vector<std::string> values{R"("5")",    "5",          "5.0",   "0.5",
                                        R"("true")", "true",       "false", "null",
                                        "[5]",       R"({"a":5})", R"("")", R"("null")"};
  std::vector<Event> events;
  for (std::size_t n = 0; n < values.size(); ++n) {
    events.push_back(reading(
        "a", time_of("2026-01-21T10:00:00Z").text().insert(19, "." + std::to_string(100 + n)),
        ",\"x\":" + values[n] + ",\"n\":" + std::to_string(n)));
  }
  store_all(*store, events);
  const auto found = [this](const char* value) {
    return numbers_where(*store, {{.field = "x", .value = value}});
  };
  REQUIRE(found("5") == std::vector{0, 1, 2});
  REQUIRE(found("5.00") == std::vector{1, 2});
  REQUIRE(found("5e-1") == std::vector{3});
  REQUIRE(found("true") == std::vector{4, 5});
  REQUIRE(found("false") == std::vector{6});
  REQUIRE(found("null") == std::vector{11});
  REQUIRE(found("") == std::vector{10});
  REQUIRE(found("[5]").empty());
  REQUIRE(found("6").empty());
  REQUIRE(numbers_where(*store, {{.field = "missing", .value = ""}}).empty());
}

TEST_CASE_METHOD(Fixture, "all filters must hold") {
  store_at({"2026-01-21T10:00:00Z", "2026-01-21T10:00:01Z", "2026-01-21T10:00:02Z"}, {"a", "b"});
  const Filter series{.field = "sensor_id", .value = "a"};
  REQUIRE(numbers_where(*store, {series, {.field = "n", .value = "2"}}) == std::vector{2});
  REQUIRE(numbers_where(*store, {{.field = "n", .value = "2"}, series}) == std::vector{2});
  REQUIRE(numbers_where(*store, {series, {.field = "n", .value = "1"}}).empty());
  REQUIRE(numbers_where(*store, {series, series}) == std::vector{0, 2});
  REQUIRE(numbers_where(*store, {series, {.field = "sensor_id", .value = "b"}}).empty());
}

TEST_CASE_METHOD(Fixture, "unusual names and values are filtered by, exactly") {
  const std::string text =
      GENERATE(std::string("a\0b", 3), "\"quoted\" \\ 'single'", "😀 é", "$x", "$where", "a.b",
               "__proto__", "a/b~c", "\t\n\x01", "x' OR '1'='1", "%", "_", "*", "[0]", "#", "");
  if (text.contains('\0') && !place->takes_nul()) return;
  const auto quoted = json(text).dump();
  store_one(*store, reading("a", "2026-01-21T10:00:00Z", ",\"n\":0,\"x\":" + quoted));
  store_one(*store,
            reading("a", "2026-01-21T10:00:01Z", ",\"n\":1,\"x\":" + json(text + "y").dump()));
  // Some stores take no NUL in a name.
  const auto named =
      write_one(*store, reading("a", "2026-01-21T10:00:02Z", ",\"n\":2," + quoted + ":\"here\""));
  const bool taken = named.verdict == Outcome::Verdict::stored;
  REQUIRE(taken != (named.verdict == Outcome::Verdict::rejected && text.contains('\0')));
  store_one(*store,
            reading("a", "2026-01-21T10:00:03Z", R"(,"n":3,"y":{"a":{"b":"here"},"x":"here"})"));
  REQUIRE(numbers_where(*store, {{.field = "x", .value = text}}) == std::vector{0});
  REQUIRE(numbers_where(*store, {{.field = text, .value = "here"}}) ==
          (taken ? std::vector{2} : std::vector<int>{}));
}

TEST_CASE_METHOD(Fixture, "unusual strings of a series are filtered by, exactly") {
  std::vector<std::string> sensors{"a", "A", "$x", "a.b", "\"", "'", "😀", " a", "1", "01"};
  if (place->takes_nul()) {
    sensors.insert(sensors.end(), {std::string("a\0", 2), std::string("a\0b", 3)});
  }
  store_at(std::vector<std::string>(sensors.size(), "2026-01-21T10:00:00Z"), sensors);
  for (std::size_t n = 0; n < sensors.size(); ++n) {
    REQUIRE(numbers_where(*store, {{.field = "sensor_id", .value = sensors[n]}}) ==
            std::vector{static_cast<int>(n)});
  }
}

TEST_CASE_METHOD(Fixture, "clicks are found by user, by UUID and by page") {
  begin_with(built_in("clickstream"));
  for (int n = 0; n < 6; ++n) {
    store_one(*store,
              decode(schema, R"({"event_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c)" +
                                 std::to_string(n) + R"(","user_id":)" + std::to_string(n % 3) +
                                 R"(,"event_type":"click","page":"/)" + std::to_string(n % 2) +
                                 R"(","event_time":"2026-01-21T10:00:0)" + std::to_string(n) +
                                 R"(Z","n":)" + std::to_string(n) + "}"));
  }
  REQUIRE(numbers_where(*store, {{.field = "user_id", .value = "1"}}) == std::vector{1, 4});
  REQUIRE(numbers_where(*store,
                        {{.field = "event_id", .value = "6BA7B810-9DAD-11D1-80B4-00C04FD430C3"}}) ==
          std::vector{3});
  REQUIRE(numbers_where(*store, {{.field = "page", .value = "/1"}}) == std::vector{1, 3, 5});
  REQUIRE(numbers_where(*store, {{.field = "user_id", .value = "1"},
                                 {.field = "page", .value = "/1"}}) == std::vector{1});
}

TEST_CASE_METHOD(Fixture, "a field that may be null matches no text then") {
  store_one(*store, reading("a", "2026-01-21T10:00:00Z", R"(,"n":0,"x":null)"));
  for (const auto* value : {"null", "", "0", "false"}) {
    REQUIRE(numbers_where(*store, {{.field = "x", .value = value}}).empty());
  }
}

TEST_CASE_METHOD(Fixture, "an empty store has an empty page") {
  for (const bool descending : {false, true}) {
    const auto page = page_of(*store, {.descending = descending});
    REQUIRE(page.events.empty());
    REQUIRE_FALSE(page.next);
  }
}

TEST_CASE_METHOD(Fixture, "a page ends early when it has very many bytes, and the next goes on") {
  std::vector<Event> events;
  for (int n = 0; n < 30; ++n) {
    events.push_back(
        reading("a", "2026-01-21T10:00:" + std::to_string(10 + n) + "Z",
                ",\"n\":" + std::to_string(n) + ",\"x\":\"" + std::string(200'000, 'x') + '"'));
  }
  store_all(*store, events);
  const auto first = page_of(*store, {.limit = 100});
  std::size_t bytes = 0;
  for (const auto& event : first.events) bytes += event.size();
  REQUIRE(bytes <= kPageBytesMax + kEventSizeMax);
  REQUIRE(first.next);
  REQUIRE(all_pages(*store, {.limit = 100}).size() == 30);
}

TEST_CASE_METHOD(Fixture, "a page has 10,000 events at most") {
  store_all(*store, readings("a", kPageEventsMax + 1));
  const auto page = page_of(*store, {.limit = 1'000'000});
  REQUIRE(page.events.size() == kPageEventsMax);
  REQUIRE(page.next);
}

TEST_CASE_METHOD(Fixture,
                 "the origin of an event comes with it, as far as it is known, when asked for") {
  auto known = reading("a", "2026-01-21T10:00:00Z");
  known.origin = {.received_at = time_of("2026-01-21T10:00:00.25Z"),
                  .source = "mqtt",
                  .schema = schema.id(),
                  .edge = "gateway-7",
                  .log = *Id::parse("000102030405060708090a0b0c0d0eff"),
                  .sequence = {42},
                  .replayed = "sensor-events.dead/0/17"};
  auto unknown = reading("b", "2026-01-21T10:00:00Z");
  store_one(*store, known);
  store_one(*store, unknown);

  REQUIRE(page_of(*store, {}).events == std::vector{known.json, unknown.json});
  const auto page = page_of(*store, {.meta = true});
  const auto first = json::parse(page.events.at(0));
  auto meta = first.at("_tributary");
  REQUIRE(meta.at("hash").get<std::string>().size() == 32);
  meta.erase("hash");
  REQUIRE(meta == json{{"received_at", "2026-01-21T10:00:00.250Z"},
                       {"source", "mqtt"},
                       {"schema", schema.id()},
                       {"edge", "gateway-7"},
                       {"log", "000102030405060708090a0b0c0d0eff"},
                       {"sequence", 42},
                       {"replayed", "sensor-events.dead/0/17"}});
  auto rest = first;
  rest.erase("_tributary");
  REQUIRE(rest == *known.document);
  const auto second = json::parse(page.events.at(1)).at("_tributary");
  REQUIRE(second.size() == 1);
  REQUIRE(second.contains("hash"));
}

}  // namespace tributary::collector
