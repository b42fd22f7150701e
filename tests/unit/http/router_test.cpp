#include "shared/http/router.h"

#include <catch2/catch.hpp>

using namespace tributary;

namespace {

Router example() {
  Router router;
  router.add("GET", "/data");
  router.add("GET", "/data/{pipeline}");
  router.add("POST", "/data/{pipeline}");
  router.add("GET", "/data/latest");
  router.add("GET", "/");
  return router;
}

std::vector<std::string> segments(std::string_view path) {
  return RequestTarget::parse(path)->segments;
}

}  // namespace

TEST_CASE("a part in braces captures one whole segment") {
  const auto match = example().find("POST", segments("/data/telemetry"));
  REQUIRE(match.route == 2U);
  REQUIRE(match.captured.at("pipeline") == "telemetry");
  REQUIRE_FALSE(example().find("POST", segments("/data/telemetry/more")).route);
  REQUIRE_FALSE(example().find("GET", segments("/data/")).route);
}

TEST_CASE("a literal segment goes before a captured one, whatever the order of the routes") {
  REQUIRE(example().find("GET", segments("/data/latest")).route == 3U);
  REQUIRE(example().find("GET", segments("/data/other")).route == 1U);
  REQUIRE(example().find("GET", segments("/")).route == 4U);
}

TEST_CASE("HEAD finds the route of GET") {
  REQUIRE(example().find("HEAD", segments("/data/latest")).route == 3U);
}

TEST_CASE("another method of a known path is told which methods there are") {
  const auto match = example().find("DELETE", segments("/data/telemetry"));
  REQUIRE_FALSE(match.route);
  REQUIRE(match.allowed == "GET, HEAD, POST");
  REQUIRE(example().find("GET", segments("/nowhere")).allowed.empty());
}

TEST_CASE("a query is decoded, with plus signs as spaces, and keeps its order") {
  const auto target =
      RequestTarget::parse("/data?sensor_id=a%20b+c&start=&flag&x=1=2&&x=%e2%82%ac");
  REQUIRE(target);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"sensor_id", "a b c"}, {"start", ""}, {"flag", ""}, {"x", "1=2"}, {"x", "\xe2\x82\xac"}};
  REQUIRE(target->query == expected);
}

TEST_CASE("a path keeps its plus signs, and an encoded slash doesn't divide it") {
  const auto target = RequestTarget::parse("/data/a+b%2F..%2fc");
  REQUIRE(target);
  REQUIRE(target->segments == std::vector<std::string>{"data", "a+b/../c"});
}

TEST_CASE("a percent sign without two hexadecimal digits is refused") {
  for (const auto* text : {"/a%", "/a%2", "/a%zz", "/a?b=%", "/a?%4=1", "/a%00b"}) {
    REQUIRE_FALSE(RequestTarget::parse(text));
  }
}

TEST_CASE("a target with an origin is taken as its path") {
  REQUIRE(RequestTarget::parse("http://host:80/data?x=1")->segments ==
          std::vector<std::string>{"data"});
  REQUIRE(RequestTarget::parse("http://host?x=1")->query.size() == 1);
  REQUIRE(RequestTarget::parse("/go?to=http://other/")->segments == std::vector<std::string>{"go"});
}
