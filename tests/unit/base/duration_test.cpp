#include "shared/base/duration.h"

#include <catch2/catch.hpp>

namespace tributary {

using namespace std::chrono_literals;

TEST_CASE("a duration is a number and its unit") {
  REQUIRE(parse_milliseconds("100ms") == 100);
  REQUIRE(parse_milliseconds("1.5h") == 5'400'000);
  REQUIRE(parse_milliseconds("2 min") == 120'000);
  REQUIRE(parse_milliseconds("5m") == 300'000);
  REQUIRE(parse_milliseconds("1d") == 86'400'000);
  REQUIRE(parse_milliseconds("-1s") == -1000);
  for (const auto* text : {"", "5", "m", "5 weeks", "5m ", "5  m", "0x5s", ".5m", "1.m", "1e3s",
                           "-.5s", "-", "inf s", "nan s"}) {
    INFO(text);
    REQUIRE_FALSE(parse_milliseconds(text));
  }
}

TEST_CASE("a duration is written in its largest whole unit") {
  REQUIRE(duration_text(0ms) == "0ms");
  REQUIRE(duration_text(1500ms) == "1500ms");
  REQUIRE(duration_text(90s) == "90s");
  REQUIRE(duration_text(2h) == "2h");
  REQUIRE(duration_text(48h) == "2d");
}

}  // namespace tributary
