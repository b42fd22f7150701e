#include "collector/store/mongodb_codec.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "collector/store/mongodb_bson.h"
#include "shared/event/json.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;

// A time of any kind: close to a second's end, in a leap second, before 1970.
Timestamp any_time(std::mt19937_64& random) {
  constexpr std::int64_t kFirst = -62'135'596'800;
  constexpr std::int64_t kLast = 253'402'300'799;
  constexpr std::int64_t kLeap = 1'483'228'799;  // 2016-12-31T23:59:59Z
  const auto wide = std::uniform_int_distribution(kFirst, kLast)(random);
  const auto near = kLeap + static_cast<std::int64_t>(random() % 3) - 1;
  const auto seconds = random() % 2 == 0 ? near : wide;
  const auto nanoseconds =
      std::array{std::int64_t{0}, std::int64_t{999'999'999}, std::int64_t{999'000'000},
                 static_cast<std::int64_t>(random() % 1'000'000'000)}
          .at(random() % 4);
  const bool leap = seconds == kLeap && random() % 2 == 0;
  return {.seconds = seconds,
          .nanoseconds = static_cast<std::int32_t>(nanoseconds + (leap ? 1'000'000'000 : 0))};
}

std::string round_trip(const MongodbCodec& codec, const Event& event) {
  Bson document;
  bson_oid_t id{};
  const auto problem = codec.encode(event, id, document.get());
  if (problem) return *problem;
  std::string text;
  append_canonical(codec.decode(document.get()), text);
  return text;
}

}  // namespace

TEST_CASE("a time in two fields is the same time, in the same order") {
  const auto seed = std::random_device{}();
  UNSCOPED_INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto pair = [](MongodbTime time) { return std::pair(time.milliseconds, time.nanoseconds); };
  for (int i = 0; i < 20'000; ++i) {
    const auto a = any_time(random);
    const auto b = any_time(random);
    CAPTURE(seed, a.text(), b.text());
    REQUIRE(MongodbTime::of(a).timestamp() == a);
    REQUIRE((pair(MongodbTime::of(a)) < pair(MongodbTime::of(b))) == (a < b));
  }
}

TEST_CASE("two fields that are of no time give none") {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const auto& time : {MongodbTime{.milliseconds = kMost, .nanoseconds = 0},
                           MongodbTime{.milliseconds = -kMost, .nanoseconds = 0},
                           MongodbTime{.milliseconds = 0, .nanoseconds = -1},
                           MongodbTime{.milliseconds = 0, .nanoseconds = 1'000'000'000}}) {
    REQUIRE_FALSE(time.timestamp().has_value());
  }
}

TEST_CASE("an event comes back from its document byte for byte") {
  const MongodbCodec codec(built_in("telemetry"));
  const auto* const more = GENERATE(
      "", R"(,"a.b":{"$x":[1,2.5,{"":null}]},"$set":true,"z":"a\u0000b")",
      R"(,"n":[9223372036854775807,-9223372036854775808,9007199254740993,1e300,5e-324,0.1])",
      R"(,"t":"2026-01-21T10:00:00+01:00","é":[[],{},[{}]])");
  const auto* const time = GENERATE("2026-01-21T10:00:00Z", "2016-12-31T23:59:60.000000001Z",
                                    "1969-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z");
  const auto event = reading("a", time, more);
  REQUIRE(round_trip(codec, event) == event.json);
  Bson document;
  REQUIRE_FALSE(codec.encode(event, bson_oid_t{}, document.get()));
  std::string text = "before";
  REQUIRE(codec.append_event(document.get(), text) == event.time);
  REQUIRE(text == "before" + event.json);
}

TEST_CASE("what others wrote is only read straight from its document when it is as ours") {
  const MongodbCodec codec(built_in("telemetry"));
  const auto straight = [&codec](const auto& fill) {
    Bson document;
    fill(document.get());
    std::string text = "before";
    const bool done = codec.append_event(document.get(), text).has_value();
    REQUIRE((done || text == "before"));
    return done ? text.substr(6) : "";
  };
  const auto date = [](bson_t* to) {
    bson_append_date_time(to, "timestamp", -1, 0);
    bson_append_int32(to, "timestamp_ns", -1, 0);
  };
  REQUIRE(straight([&](bson_t* to) {
            append_text(to, "sensor_id", "a");
            date(to);
          }) == R"({"sensor_id":"a","timestamp":"1970-01-01T00:00:00Z"})");
  // Unsorted, above or below; a member twice; no key, or one of another type; a time by half.
  REQUIRE(straight([&](bson_t* to) {
            date(to);
            append_text(to, "sensor_id", "a");
          }).empty());
  REQUIRE(straight([&](bson_t* to) {
            {
              BsonObject place(to, "place");
              append_text(place.get(), "b", "");
              append_text(place.get(), "a", "");
            }
            append_text(to, "sensor_id", "a");
            date(to);
          }).empty());
  REQUIRE(straight([&](bson_t* to) {
            append_text(to, "sensor_id", "a");
            append_text(to, "sensor_id", "a");
            date(to);
          }).empty());
  REQUIRE(straight(date).empty());
  REQUIRE(straight([&](bson_t* to) {
            append_integer(to, "sensor_id", 5);
            date(to);
          }).empty());
  REQUIRE(straight([&](bson_t* to) {
            append_text(to, "sensor_id", "a");
            bson_append_date_time(to, "timestamp", -1, 0);
          }).empty());
  REQUIRE(straight([&](bson_t* to) {
            append_double(to, "s", std::numeric_limits<double>::infinity());
            append_text(to, "sensor_id", "a");
            date(to);
          }).empty());
}

TEST_CASE("a name with a NUL is told with its place") {
  const MongodbCodec codec(built_in("telemetry"));
  const auto event = reading("a", "2026-01-21T10:00:00Z", R"(,"x":[1,{"y":{"a\u0000b":1}}])");
  REQUIRE(round_trip(codec, event) == "/x/1/y/a… has a NUL in its name: MongoDB can't store that");
}

TEST_CASE("the place of a decoded event is that of the event") {
  const MongodbCodec codec(custom_schema(R"({"u":{"type":"string","format":"uuid"},
      "t":{"type":"string","format":"date-time"},"x":{"type":"number"}})",
                                         R"({"key":["t","u","x"]})"));
  const auto event = decode(codec.schema(), R"({"at":"2026-01-21T10:00:00.5Z","x":5.0,
      "t":"2016-12-31T23:59:60.25Z","u":"6BA7B810-9dad-11d1-80b4-00c04fd430c8"})");
  Bson document;
  bson_oid_t id{};
  REQUIRE_FALSE(codec.encode(event, id, document.get()));
  REQUIRE_THAT(to_text(document.get()), Catch::Contains("2016-12-31T23:59:60.250000000Z"));
  const auto place = codec.place_of(codec.decode(document.get()));
  REQUIRE(place == Keyset{.time = event.time, .key = event.key});

  for (const auto* other :
       {R"({"at":"2026-01-21T10:00:00Z","t":"x","u":"y","x":1})",
        R"({"at":"now","t":"2026-01-21T10:00:00Z","u":"-","x":1})", R"({"at":5,"x":1})", "{}"}) {
    REQUIRE_FALSE(codec.place_of(nlohmann::json::parse(other)).has_value());
  }
}

}  // namespace tributary::collector
