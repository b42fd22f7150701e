#include "shared/base/timestamp.h"

#include <catch2/catch.hpp>
#include <random>

using tributary::Timestamp;

namespace {

std::string round_trip(std::string_view text) {
  const auto parsed = Timestamp::parse(text);
  return parsed ? parsed->text() : "refused: " + std::string(parsed.error());
}

}  // namespace

TEST_CASE("a time is given out in UTC with as many fractional digits as needed") {
  REQUIRE(round_trip("2026-01-21T10:00:00Z") == "2026-01-21T10:00:00Z");
  REQUIRE(round_trip("2026-01-21T10:00:00.000Z") == "2026-01-21T10:00:00Z");
  REQUIRE(round_trip("2026-01-21T10:00:00.5Z") == "2026-01-21T10:00:00.500Z");
  REQUIRE(round_trip("2026-01-21T10:00:00.0005Z") == "2026-01-21T10:00:00.000500Z");
  REQUIRE(round_trip("2026-01-21T10:00:00.123456789Z") == "2026-01-21T10:00:00.123456789Z");
}

TEST_CASE("an offset is taken off, over the ends of days, months and years") {
  REQUIRE(round_trip("2026-01-21T10:00:00+05:30") == "2026-01-21T04:30:00Z");
  REQUIRE(round_trip("2026-01-01T00:30:00+01:00") == "2025-12-31T23:30:00Z");
  REQUIRE(round_trip("2024-02-28T23:30:00-01:00") == "2024-02-29T00:30:00Z");
  REQUIRE(round_trip("2026-01-21t10:00:00z") == "2026-01-21T10:00:00Z");
  REQUIRE(round_trip("2026-01-21T10:00:00-00:00") == "2026-01-21T10:00:00Z");
}

TEST_CASE("a leap second is kept, at 23:59:60 UTC only, and sorts between its neighbours") {
  REQUIRE(round_trip("2016-12-31T23:59:60Z") == "2016-12-31T23:59:60Z");
  REQUIRE(round_trip("2016-12-31T23:59:60.25Z") == "2016-12-31T23:59:60.250Z");
  REQUIRE(round_trip("2017-01-01T00:59:60+01:00") == "2016-12-31T23:59:60Z");
  REQUIRE(round_trip("2016-12-31T23:59:60+01:00") ==
          "refused: second 60 exists at 23:59:60 UTC only");
  REQUIRE(round_trip("2016-12-31T12:00:60Z") == "refused: second 60 exists at 23:59:60 UTC only");
  const auto before = *Timestamp::parse("2016-12-31T23:59:59.999999999Z");
  const auto leap = *Timestamp::parse("2016-12-31T23:59:60Z");
  const auto after = *Timestamp::parse("2017-01-01T00:00:00Z");
  REQUIRE(before < leap);
  REQUIRE(leap < after);
}

TEST_CASE("years go from 0001 to 9999, in UTC too") {
  REQUIRE(round_trip("0001-01-01T00:00:00Z") == "0001-01-01T00:00:00Z");
  REQUIRE(round_trip("9999-12-31T23:59:59.999999999Z") == "9999-12-31T23:59:59.999999999Z");
  REQUIRE(round_trip("0000-12-31T23:59:59Z").starts_with("refused"));
  REQUIRE(round_trip("0001-01-01T00:00:00+00:01").starts_with("refused"));
  REQUIRE(round_trip("9999-12-31T23:59:00-00:01").starts_with("refused"));
}

TEST_CASE("what is no RFC 3339 time is refused with the reason") {
  const auto text = GENERATE(
      as<std::string>{}, "", "2026", "2026-01-21", "2026-01-21T10:00:00", "2026-13-21T10:00:00Z",
      "2026-00-21T10:00:00Z", "2026-02-29T10:00:00Z", "1900-02-29T10:00:00Z",
      "2026-01-00T10:00:00Z", "2026-01-21T24:00:00Z", "2026-01-21T10:60:00Z",
      "2026-01-21T10:00:61Z", "2026-01-21T10:00:00.Z", "2026-01-21T10:00:00,5Z",
      "2026-01-21T10:00:00.1234567890Z", "2026-01-21T10:00:00+24:00", "2026-01-21T10:00:00+01",
      "2026-01-21T10:00:00+0100", "2026-01-21T10:00:00Zz", " 2026-01-21T10:00:00Z",
      "26-01-21T10:00:00Z", "+2026-01-21T10:00:00Z", "2026-1-21T10:00:00Z",
      "\xef\xbc\x92"
      "026-01-21T10:00:00Z");
  CAPTURE(text);
  const auto parsed = Timestamp::parse(text);
  REQUIRE_FALSE(parsed);
  REQUIRE_FALSE(parsed.error().empty());
}

TEST_CASE("any instant reads back as itself") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> seconds(-62'135'596'800, 253'402'300'799);
  std::uniform_int_distribution<std::int32_t> nanoseconds(0, 999'999'999);
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp time{.seconds = seconds(random), .nanoseconds = nanoseconds(random)};
    REQUIRE(Timestamp::parse(time.text()) == time);
  }
}

TEST_CASE("nanoseconds before 1970 belong to the second below") {
  REQUIRE(Timestamp::from_unix_nanoseconds(-1).text() == "1969-12-31T23:59:59.999999999Z");
}
