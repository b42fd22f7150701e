#include "edge/source/time_format.h"

#include <catch2/catch.hpp>

using namespace tributary;
using tributary::edge::TimeFormat;

namespace {

std::string read(std::string_view text, std::string_view pattern, std::string_view zone = "UTC") {
  const auto format = TimeFormat::create(pattern, zone);
  if (!format) return "bad format: " + format.error().message();
  const auto time = format->read(text);
  return time ? time->text() : "refused";
}

}  // namespace

TEST_CASE("times are read by their pattern") {
  REQUIRE(read("2015-02-04 17:51:59", "%Y-%m-%d %H:%M:%S") == "2015-02-04T17:51:59Z");
  REQUIRE(read("2015-02-04 17:51:59", "%F %T") == "2015-02-04T17:51:59Z");
  REQUIRE(read("4/2/15 5:51 pm", "%d/%m/%y %I:%M %p") == "2015-02-04T17:51:00Z");
  REQUIRE(read("12:05 AM 1 Mar 1999", "%I:%M %p %e %b %Y") == "1999-03-01T00:05:00Z");
  REQUIRE(read("March 1, 1999", "%B %d, %Y") == "1999-03-01T00:00:00Z");
  REQUIRE(read("20150204175159.25", "%Y%m%d%H%M%S.%f") == "2015-02-04T17:51:59.250Z");
  REQUIRE(read("1423072319", "%s") == "2015-02-04T17:51:59Z");
  REQUIRE(read("1423072319.5", "%s.%f") == "2015-02-04T17:51:59.500Z");
  REQUIRE(read("100% 2015-02-04", "100%% %F") == "2015-02-04T00:00:00Z");
}

TEST_CASE("the zone applies, unless the text has an offset of its own") {
  REQUIRE(read("2015-02-04 17:51:59", "%F %T", "+01:00") == "2015-02-04T16:51:59Z");
  REQUIRE(read("2015-02-04 17:51:59", "%F %T", "Z") == "2015-02-04T17:51:59Z");
  REQUIRE(read("2015-02-04 17:51:59 -0530", "%F %T %z", "+01:00") == "2015-02-04T23:21:59Z");
  REQUIRE(read("2015-02-04T17:51:59+01:00", "rfc3339") == "2015-02-04T16:51:59Z");
}

TEST_CASE("what doesn't fit, or is no time, is refused") {
  const auto text = GENERATE(as<std::string>{}, "", "2015-02-04", "2015-02-30 00:00:00",
                             "2015-13-01 00:00:00", "2015-02-04 24:00:00", "2015-02-04 17:51:59 ",
                             "2015-02-04 17:51:59x", "04-02-2015 17:51:59", "0000-01-01 00:00:00");
  CAPTURE(text);
  if (text == "2015-02-04 17:51:59 ") {
    REQUIRE(read(text, "%F %T") == "2015-02-04T17:51:59Z");  // spaces at the end don't matter
  } else {
    REQUIRE(read(text, "%F %T") == "refused");
  }
}

TEST_CASE("a pattern or a zone that isn't known is refused when it is made") {
  REQUIRE(read("", "%Y-%q").starts_with("bad format: unknown %q"));
  REQUIRE(read("", "%Y%").starts_with("bad format: unknown %"));
  REQUIRE(read("", "").starts_with("bad format"));
  REQUIRE(read("", "%F", "Europe/Brussels").find("+01:00") != std::string::npos);
  REQUIRE(read("", "%F", "+25:00").starts_with("bad format"));
}
