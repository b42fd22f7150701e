#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "shared/event/json.h"

using nlohmann::json;
using tributary::parse_json;

namespace {

std::string canonical(const json& value) {
  std::string text;
  tributary::append_canonical(value, text);
  return text;
}

std::string canonical_of(std::string_view text) {
  const auto parsed = parse_json(text, 64);
  return parsed ? canonical(*parsed) : "refused: " + parsed.error().detail;
}

}  // namespace

TEST_CASE("canonical text has sorted members and no space") {
  REQUIRE(canonical_of(R"( { "b" : [ 1 , { } , [ ] ] , "a" : { "d" : null , "c" : true } } )") ==
          R"({"a":{"c":true,"d":null},"b":[1,{},[]]})");
}

TEST_CASE("members are sorted by the bytes of their names") {
  // U+FFFF is below U+10000 in UTF-8, and above it in UTF-16.
  REQUIRE(
      canonical_of(R"({"\ud800\udc00":1,"\uffff":2,"é":3,"z":4,"Z":5,"":6,"z\u0000":7})") ==
      "{\"\":6,\"Z\":5,\"z\":4,\"z\\u0000\":7,\"é\":3,\"\xef\xbf\xbf\":2,\"\xf0\x90\x80\x80\":1}");
}

TEST_CASE("only what must be escaped is escaped, in its shortest form") {
  REQUIRE(canonical_of(R"("\b\t\n\f\r\"\\\/\u0000\u000b\u001F\u007f\u00e9\u2028\ud83d\ude00")") ==
          "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0000\\u000b\\u001f\x7f\u00e9\u2028\U0001f600\"");
}

TEST_CASE("strings are not normalised") {
  REQUIRE(canonical_of(R"("e\u0301")") != canonical_of(R"("\u00e9")"));
}

TEST_CASE("a number has one text, however it was written") {
  const std::vector<std::pair<std::string, std::string>> numbers{
      {"25.0", "25"},
      {"2.5e1", "25"},
      {"-0.0", "0"},
      {"-0", "0"},
      {"1e-400", "0"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"-9223372036854775808.0", "-9223372036854775808"},
      {"1e18", "1000000000000000000"},
      {"9007199254740993", "9007199254740993"},
      {"9007199254740993.0", "9007199254740992"},
      {"9223372036854775807.0", "9.223372036854776e+18"},
      {"1e19", "1e+19"},
      {"-1.5e300", "-1.5e+300"},
      {"25.43", "25.43"},
      {"25.430", "25.43"},
      {"0.1e0", "0.1"},
      {"-0.5", "-0.5"},
      {"0.000001", "0.000001"},
      {"0.00000123", "0.00000123"},
      {"0.00000099", "9.9e-7"},
      {"1e-7", "1e-7"},
      {"1e-10", "1e-10"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"0.30000000000000004", "0.30000000000000004"},
      {"4503599627370495.5", "4503599627370495.5"},
      {"12345678901234.567", "12345678901234.566"},
      {"1.00000000000000000000001", "1"},
  };
  for (const auto& [given, expected] : numbers) {
    CAPTURE(given);
    REQUIRE(canonical_of(given) == expected);
  }
}

TEST_CASE("any number's text reads back as the same number, with the same text") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof(number));
    if (!std::isfinite(number)) continue;
    if (i % 2 == 0) number = number * 1e-3;
    if (i % 3 == 0) number = static_cast<double>(static_cast<std::int64_t>(bits >> 8U)) / 1000.0;
    const auto text = canonical(json(number));
    CAPTURE(text);
    const auto again = parse_json(text, 1);
    REQUIRE(again.has_value());
    REQUIRE(again->get<double>() == number);
    REQUIRE(canonical(*again) == text);

    const auto integer = static_cast<std::int64_t>(bits);
    REQUIRE(parse_json(canonical(json(integer)), 1)->get<std::int64_t>() == integer);
  }
}

TEST_CASE("canonical text is a fixed point") {
  const auto text = GENERATE(
      as<std::string>{}, R"({"z":[1.50,{"y":"\u00FF\u0001"},-0.0],"a":1e3,"A":[[],{}],"":null})",
      R"(["\"\\",1E22,1e-9,123456789.125,true,false])", R"("\u0000")", "{}", "3.0");
  const auto once = canonical_of(text);
  REQUIRE(canonical_of(once) == once);
}
