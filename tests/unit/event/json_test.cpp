#include "shared/event/json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "shared/event/event.h"

using nlohmann::json;
using tributary::parse_json;

namespace {

// "pointer|detail", or "taken"
std::string verdict(std::string_view text) {
  const auto parsed = parse_json(text, tributary::kNestingMax);
  return parsed ? "taken" : parsed.error().pointer + "|" + parsed.error().detail;
}

json taken(std::string_view text) {
  auto parsed = parse_json(text, tributary::kNestingMax);
  INFO(text);
  REQUIRE(parsed.has_value());
  return std::move(*parsed);
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("strict JSON gives the document that nlohmann gives") {
  const auto text = GENERATE(as<std::string>{}, "{}", "[]", "null", "true", "-1", "0", "\"\"",
                             R"({"a":{"b":[1,{"c":null},[],{}]},"d":"x\u0000y","":false})",
                             R"(["\ud83d\ude00","é","\"\\\/\b\f\n\r\t"])", " \t\r\n[ 1 , 2.5 ] \n");
  REQUIRE(taken(text) == json::parse(text));
}

TEST_CASE("a member name that is there twice is refused, at its place") {
  REQUIRE(verdict(R"({"a":1,"a":1})") == "/a|is there more than once");
  REQUIRE(verdict(R"({"a":1,"\u0061":2})") == "/a|is there more than once");
  REQUIRE(verdict(R"([0,{"x/y":{"~":{},"b":1,"~":2}}])") == "/1/x~1y/~0|is there more than once");
  REQUIRE(verdict(R"({"":1,"":2})") == "/|is there more than once");
  REQUIRE(verdict(R"([{"a":1},{"a":1}])") == "taken");
}

TEST_CASE("integers outside of int64 are refused, and never become doubles") {
  REQUIRE(taken("9223372036854775807").get<std::int64_t>() == INT64_MAX);
  REQUIRE(taken("-9223372036854775808").get<std::int64_t>() == INT64_MIN);
  const auto text =
      GENERATE(as<std::string>{}, "9223372036854775808", "-9223372036854775809",
               "18446744073709551615", "18446744073709551616", "99999999999999999999999999");
  REQUIRE(verdict("{\"n\":" + text + "}") ==
          "/n|is " + text + ": integers go from -9223372036854775808 to 9223372036854775807");
}

TEST_CASE("an integer of hundreds of digits is refused in few words") {
  const auto words = verdict("[0," + std::string(300, '9') + "]");
  REQUIRE(words.starts_with("/1|is 9999"));
  REQUIRE(words.size() < 200);
}

TEST_CASE("a number that is integral and fits is an integer, however it was written") {
  const auto text =
      GENERATE(as<std::string>{}, "25", "25.0", "2.5e1", "250E-1", "0.25e2", "25.000");
  const auto number = taken(text);
  REQUIRE(number.is_number_integer());
  REQUIRE_FALSE(number.is_number_unsigned());
  REQUIRE(number.get<std::int64_t>() == 25);
}

TEST_CASE("minus zero and what is too small for a double are zero") {
  const auto text = GENERATE(as<std::string>{}, "-0", "-0.0", "0e5", "-0E-3", "1e-400", "-1e-400");
  REQUIRE(taken(text).is_number_integer());
  REQUIRE(taken(text) == 0);
}

TEST_CASE("a double that is integral and beyond int64 stays a double") {
  const auto text = GENERATE(as<std::string>{}, "1e19", "9223372036854775808.0", "-1e300");
  REQUIRE(taken(text).is_number_float());
  REQUIRE(taken("-9223372036854775808.0").is_number_integer());
  REQUIRE(taken("9223372036854774784.0").is_number_integer());  // the double below 2^63
}

TEST_CASE("numbers beyond double, NaN and Infinity are refused") {
  REQUIRE(verdict(R"({"a":[0,1e400]})") == "/a/1|is a number beyond the range of a double");
  REQUIRE(verdict("-1.8e308") == "|is a number beyond the range of a double");
  REQUIRE(verdict("1.7976931348623157e308") == "taken");
  const auto text = GENERATE(as<std::string>{}, "NaN", "Infinity", "-Infinity", "nan", "inf",
                             "0x10", "1e", "1.", ".5", "+1", "01", "-", "1e+", "--1", "1_000");
  REQUIRE(verdict("{\"n\":" + text + "}").starts_with("|is not JSON, at line 1"));
}

TEST_CASE("text that is not UTF-8 is refused") {
  const auto bytes =
      GENERATE(as<std::string>{}, "\xff", "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
               "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
               "\xf8\x88\x80\x80\x80", "\xe2\x82", "\xe2", "\xc3\x28", "\xfe");
  REQUIRE(verdict("{\"a\":\"" + bytes + "\"}").starts_with("|is not JSON"));
  REQUIRE(verdict("{\"" + bytes + "\":1}").starts_with("|is not JSON"));
  REQUIRE(verdict("[" + bytes + "]").starts_with("|is not JSON"));
}

TEST_CASE("half of a surrogate pair is refused") {
  const auto escape = GENERATE(as<std::string>{}, R"(\ud800)", R"(\udbff)", R"(\udc00)",
                               R"(\udfff)", R"(\ud800\ud800)", R"(\ud800x)", R"(\ud800\n)",
                               R"(\udc00\ud800)", R"(\ud83d\u0041)");
  REQUIRE(verdict("[\"" + escape + "\"]").starts_with("|is not JSON, at line 1"));
}

TEST_CASE("what a problem says is UTF-8 and short, whatever the bytes were") {
  for (const std::string& bytes :
       {std::string("[\"\xff\xfe"), "[\"" + std::string(100'000, 'x') + "\xff",
        std::string("\x01")}) {
    const auto words = verdict(bytes);
    REQUIRE(words.size() < 300);
    REQUIRE_NOTHROW(json(words).dump());
  }
}

TEST_CASE("a byte order mark is refused") {
  REQUIRE(verdict("\xef\xbb\xbf{}") == "|starts with a byte order mark: leave it out");
}

TEST_CASE("a NUL byte is refused wherever it is, and an escaped one is not") {
  REQUIRE(verdict(std::string_view("{}\0", 3)) == "|is not JSON: a NUL byte after 2 bytes");
  REQUIRE(verdict(std::string_view("{}\0garbage", 10)).starts_with("|is not JSON"));
  REQUIRE(verdict(std::string_view("\0{}", 3)).starts_with("|is not JSON"));
  REQUIRE(verdict(std::string_view("[\"\0\"]", 5)).starts_with("|is not JSON"));
  REQUIRE(taken(R"("\u0000")").get<std::string>() == std::string(1, '\0'));
}

TEST_CASE("nothing but space may follow the value") {
  const auto text =
      GENERATE(as<std::string>{}, "{}{}", "{} x", "1 2", "[],", "{}//", "null\v", "{}\xc2\xa0");
  REQUIRE(verdict(text).starts_with("|is not JSON"));
}

TEST_CASE("what is no JSON is refused with the line and the reason") {
  REQUIRE(verdict("").starts_with("|is not JSON, at line 1, column 1: unexpected end of input"));
  REQUIRE(verdict("{\n  \"a\": truX}") == "|is not JSON, at line 2, column 11: invalid literal");
  REQUIRE(verdict(R"({"a":[{"b":1,}]})").starts_with("/a/0|is not JSON, at line 1, column 14"));
  const auto text =
      GENERATE(as<std::string>{}, "{", "[", "{\"a\"", "{\"a\":", "[1", "[1,", "{'a':1}", "{a:1}",
               "[1,]", "{\"a\":1,}", "/**/1", "\"\t\"", "\"\n\"", R"("\x")", R"("\u12g4")", "tru",
               "nulll", "True", "]", "}", ",", ":", "\"", "\v1", "{\"a\" 1}");
  REQUIRE(verdict(text).find("|is not JSON, at line ") != std::string::npos);
}

TEST_CASE("64 levels of nesting are taken, and 65 are not") {
  REQUIRE(verdict(nested(64)) == "taken");
  REQUIRE(verdict(nested(65)).ends_with("|is nested deeper than 64 levels"));
  REQUIRE(parse_json("1", 0).has_value());
  REQUIRE_FALSE(parse_json("[]", 0).has_value());
  REQUIRE(verdict("[" + std::string(R"({"a":)") + nested(62) + "}]") == "taken");
}

TEST_CASE("nesting of any depth is refused without using the stack up") {
  REQUIRE(verdict(std::string(100'000, '[')).ends_with("|is nested deeper than 64 levels"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  REQUIRE(verdict(objects).ends_with("|is nested deeper than 64 levels"));
}

TEST_CASE("a string of a megabyte is taken") {
  const auto text = "\"" + std::string(1U << 20U, 'x') + "\"";
  REQUIRE(taken(text).get_ref<const std::string&>().size() == 1U << 20U);
}
