#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "shared/event/codec.h"

using nlohmann::json;
using tributary::Codec;
using tributary::Schema;

namespace {

// Events have the member `v` beside what every schema needs.
class Checker {
 public:
  // `schema` is the subschema of `v`; `whole`, merged into the schema around it.
  explicit Checker(std::string_view schema, std::string_view whole = "{}")
      : codec_(make(schema, whole)) {}

  // "pointer detail", or "taken"; decode() and validate() agree.
  std::string operator()(std::string_view value) {
    const auto event = R"({"id":1,"at":"2026-01-21T10:00:00Z","v":)" + std::string(value) + "}";
    return verdict(event);
  }

  std::string verdict(std::string_view event) {
    const auto decoded = codec_.decode(event);
    const auto validated = codec_.validate(event);
    REQUIRE(decoded.has_value() == validated.has_value());
    if (decoded) return "taken";
    REQUIRE(to_text(decoded.error()) == to_text(validated.error()));
    return to_text(decoded.error());
  }

 private:
  static Schema make(std::string_view schema, std::string_view whole) {
    auto text = json::parse(R"({
      "required": ["id", "at"],
      "properties": {"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}},
      "x-tributary": {"key": ["id"], "time": "at"}})");
    text["properties"]["v"] = json::parse(schema);
    text.merge_patch(json::parse(whole));
    auto parsed = Schema::parse("test", text.dump());
    INFO((parsed ? "" : parsed.error().message()));
    REQUIRE(parsed.has_value());
    return *parsed;
  }

  Codec codec_;
};

}  // namespace

TEST_CASE("type: one of those listed, and an integral number is an integer") {
  Checker integer(R"({"type": "integer"})");
  REQUIRE(integer("5") == "taken");
  REQUIRE(integer("5.0") == "taken");
  REQUIRE(integer("-5e2") == "taken");
  REQUIRE(integer("5.5") == "/v is 5.5: must be an integer");
  REQUIRE(integer("1e19") == "/v is 1e+19: must be an integer of 64 bits");
  REQUIRE(integer("\"5\"") == "/v is a string: must be an integer");
  Checker number(R"({"type": "number"})");
  REQUIRE(number("5") == "taken");
  REQUIRE(number("5.5") == "taken");
  REQUIRE(number("null") == "/v is null: must be a number");
  REQUIRE(number("true") == "/v is a boolean: must be a number");
  REQUIRE(number("[1]") == "/v is an array: must be a number");
  Checker either(R"({"type": ["string", "null", "object"]})");
  REQUIRE(either("null") == "taken");
  REQUIRE(either("\"\"") == "taken");
  REQUIRE(either("{}") == "taken");
  REQUIRE(either("[]") == "/v is an array: must be a string or null or an object");
  REQUIRE(either("0") == "/v is a number: must be a string or null or an object");
  Checker boolean(R"({"type": "boolean"})");
  REQUIRE(boolean("\"true\"") == "/v is a string: must be a boolean");
  REQUIRE(Checker(R"({"type": "array"})")("{}") == "/v is an object: must be an array");
  REQUIRE(Checker(R"({"type": "object"})")("[]") == "/v is an array: must be an object");
  REQUIRE(Checker(R"({"type": "string"})")("[]") == "/v is an array: must be a string");
}

TEST_CASE("minimum and maximum, with and without the limit itself") {
  Checker closed(R"({"minimum": -1.5, "maximum": 100})");
  REQUIRE(closed("-1.5") == "taken");
  REQUIRE(closed("100") == "taken");
  REQUIRE(closed("100.0") == "taken");
  REQUIRE(closed("130") == "/v is 130: at most 100");
  REQUIRE(closed("100.00000000000001") == "/v is 100.00000000000001: at most 100");
  REQUIRE(closed("-2") == "/v is -2: at least -1.5");
  REQUIRE(closed("9223372036854775807") == "/v is 9223372036854775807: at most 100");
  REQUIRE(closed("\"130\"") == "taken");
  Checker open(R"({"exclusiveMinimum": 0, "exclusiveMaximum": 1})");
  REQUIRE(open("0.5") == "taken");
  REQUIRE(open("0") == "/v is 0: must be greater than 0");
  REQUIRE(open("1.0") == "/v is 1: must be less than 1");
}

TEST_CASE("multipleOf goes by the decimal digits, for numbers only") {
  Checker five(R"({"multipleOf": 5})");
  REQUIRE(five("10") == "taken");
  REQUIRE(five("0") == "taken");
  REQUIRE(five("-15.0") == "taken");
  REQUIRE(five("\"7\"") == "taken");
  REQUIRE(five("7") == "/v is 7: must be a multiple of 5");
  REQUIRE(five("5.5") == "/v is 5.5: must be a multiple of 5");
  REQUIRE(five("1e300") == "taken");
  Checker cent(R"({"multipleOf": 0.01})");
  REQUIRE(cent("25.43") == "taken");
  REQUIRE(cent("25.435") == "/v is 25.435: must be a multiple of 1e-2");
}

TEST_CASE("lengths count code points, also behind a NUL") {
  Checker checker(R"({"minLength": 2, "maxLength": 4})");
  REQUIRE(checker("\"ab\"") == "taken");
  REQUIRE(checker("\"äöüß\"") == "taken");
  REQUIRE(checker(R"("\ud83d\ude00\ud83d\ude00\ud83d\ude00\ud83d\ude00")") == "taken");
  REQUIRE(checker("\"a\"") == "/v has 1 character: at least 2");
  REQUIRE(checker("\"é\"") == "/v has 1 character: at least 2");
  REQUIRE(checker("\"abcde\"") == "/v has 5 characters: at most 4");
  REQUIRE(checker(R"("\u0000\u0000\u0000\u0000\u0000")") == "/v has 5 characters: at most 4");
  REQUIRE(checker("5") == "taken");
}

TEST_CASE("pattern is searched for, in any string, in linear time") {
  Checker checker(R"({"pattern": "b+$"})");
  REQUIRE(checker("\"aabb\"") == "taken");
  REQUIRE(checker("\"bba\"") == "/v does not match the pattern b+$");
  REQUIRE(checker("1") == "taken");
  Checker hard(R"({"pattern": "^(a+)+$"})");
  REQUIRE(hard("\"" + std::string(100'000, 'a') + "!\"") ==
          "/v does not match the pattern ^(a+)+$");
  Checker letters(R"({"pattern": "^\\p{L}{2}$"})");
  REQUIRE(letters("\"äß\"") == "taken");
}

TEST_CASE("format date-time") {
  Checker checker(R"({"format": "date-time"})");
  REQUIRE(checker("\"2026-01-21T10:00:00.123456789+05:30\"") == "taken");
  REQUIRE(checker("\"2016-12-31T23:59:60Z\"") == "taken");
  REQUIRE(checker("1") == "taken");
  REQUIRE(checker("\"2026-01-21\"") ==
          "/v is not a time: not of the form 2026-01-21T10:00:00Z or …+01:00 (RFC 3339)");
  REQUIRE(checker("\"2026-01-21T10:00:00\"") ==
          "/v is not a time: no offset from UTC: end it with Z or +01:00");
  REQUIRE(checker("\"2026-01-21T10:00:00.1234567890Z\"") ==
          "/v is not a time: more than 9 fractional digits");
  REQUIRE(checker("\"2026-01-21T10:00:00Z\\u0000\"").starts_with("/v is not a time: "));
}

TEST_CASE("format uuid") {
  Checker checker(R"({"format": "uuid"})");
  const std::string words = "/v is not a UUID of the form 01234567-89ab-cdef-0123-456789abcdef";
  REQUIRE(checker("\"123e4567-e89b-12d3-a456-426614174000\"") == "taken");
  REQUIRE(checker("\"123E4567-E89B-12D3-A456-426614174000\"") == "taken");
  REQUIRE(checker("\"00000000-0000-0000-0000-000000000000\"") == "taken");
  REQUIRE(checker("1") == "taken");
  const auto text =
      GENERATE(as<std::string>{}, "", "123e4567e89b12d3a456426614174000",
               "123e4567-e89b-12d3-a456-42661417400", "123e4567-e89b-12d3-a456-4266141740000",
               "123e4567-e89b-12d3-a456-42661417400g", "{23e4567-e89b-12d3-a456-42661417400}",
               "123e4567-e89b12d3--a456-426614174000", "123e4567-e89b-12d3-a456-4266141740é",
               "-23e4567-e89b-12d3-a456-426614174000");
  REQUIRE(checker("\"" + text + "\"") == words);
}

TEST_CASE("enum and const compare by value") {
  Checker choice(R"({"enum": ["on", "off", 1, null, {"a": [1.5]}]})");
  REQUIRE(choice("\"on\"") == "taken");
  REQUIRE(choice("1.0") == "taken");
  REQUIRE(choice("null") == "taken");
  REQUIRE(choice(R"({"a":[1.5]})") == "taken");
  REQUIRE(choice("\"On\"") == R"(/v is none of "on", "off", 1, null, {"a":[1.5]})");
  REQUIRE(choice("false") == R"(/v is none of "on", "off", 1, null, {"a":[1.5]})");
  REQUIRE(choice("\"1\"") != "taken");
  Checker constant(R"({"const": "x"})");
  REQUIRE(constant("\"x\"") == "taken");
  REQUIRE(constant(R"("x\u0000")") == "/v is not \"x\"");
  Checker zero(R"({"const": 0})");
  REQUIRE(zero("-0.0") == "taken");
  REQUIRE(zero("false") == "/v is not 0");
  REQUIRE(zero("null") == "/v is not 0");
  REQUIRE(zero("\"\"") == "/v is not 0");
  REQUIRE(zero("[]") == "/v is not 0");
}

TEST_CASE("a long list of choices is cut short") {
  json values = json::array();
  for (int i = 0; i < 1'000; ++i) values.push_back("choice " + std::to_string(i));
  Checker checker(json{{"enum", values}}.dump());
  const auto words = checker("1");
  REQUIRE(words.size() < 300);
  REQUIRE(words.ends_with(", …"));
}

TEST_CASE("arrays: how many elements, of what kind, all different") {
  Checker checker(
      R"({"minItems": 1, "maxItems": 3, "uniqueItems": true, "items": {"type": ["number", "array", "string"]}})");
  REQUIRE(checker("[1,2,3]") == "taken");
  REQUIRE(checker("[]") == "/v has 0 elements: at least 1");
  REQUIRE(checker("[1,2,3,4]") == "/v has 4 elements: at most 3");
  REQUIRE(checker("[1,true]") == "/v/1 is a boolean: must be a number or an array or a string");
  REQUIRE(checker("[1,2,1.0]") == "/v has equal elements at 0 and 2");
  REQUIRE(checker("[[1,{\"a\":1,\"b\":2}],[1,{\"b\":2,\"a\":1}]]") ==
          "/v has equal elements at 0 and 1");
  REQUIRE(checker("[1,\"1\",[1]]") == "taken");
  REQUIRE(checker("{}") == "taken");
  Checker same(R"({"uniqueItems": false})");
  REQUIRE(same("[1,1]") == "taken");
}

TEST_CASE("objects: which members, how many, of what kind") {
  Checker checker(
      R"({"required": ["a"], "properties": {"a": {"type": "string", "maxLength": 1}, "b/~": {"type": "number"}},
                      "additionalProperties": {"type": "boolean"}, "minProperties": 1, "maxProperties": 3})");
  REQUIRE(checker(R"({"a":"x","b/~":1,"c":true})") == "taken");
  REQUIRE(checker(R"({"b/~":1})") == "/v/a is missing");
  REQUIRE(checker("{}").starts_with("/v"));
  REQUIRE(checker(R"({"a":"xy"})") == "/v/a has 2 characters: at most 1");
  REQUIRE(checker(R"({"a":"x","b/~":"1"})") == "/v/b~1~0 is a string: must be a number");
  REQUIRE(checker(R"({"a":"x","c":1})") == "/v/c is a number: must be a boolean");
  REQUIRE(checker(R"({"a":"x","":1})") == "/v/ is a number: must be a boolean");
  REQUIRE(checker(R"({"a":"x","b":true,"c":true,"d":true})") == "/v has 4 members: at most 3");
  Checker closed(R"({"properties": {"a": {}}, "additionalProperties": false})");
  REQUIRE(closed(R"({"a":1})") == "taken");
  REQUIRE(closed(R"({"a":1,"it's":2})") ==
          "/v/it's is not among the members that the schema allows");
  REQUIRE(closed(R"({"a\u0000":1})") ==
          std::string("/v/a") + '\0' + " is not among the members that the schema allows");
  Checker quoted(R"({"required": ["a: 'b'."]})");
  REQUIRE(quoted("{}") == "/v/a: 'b'. is missing");
}

TEST_CASE("checks reach members that are not declared, and not those that are") {
  Checker checker(
      R"({"properties": {"free": {}}, "additionalProperties": {"format": "date-time"}})");
  REQUIRE(checker(R"({"free":"x"})") == "taken");
  REQUIRE(checker(R"({"other":"x"})").starts_with("/v/other is not a time"));
  REQUIRE(checker(R"({"free":"x","other":"2026-01-21T10:00:00Z"})") == "taken");
}

TEST_CASE("propertyNames") {
  Checker checker(R"({"propertyNames": {"pattern": "^[a-z]+$", "minLength": 2, "maxLength": 3}})");
  REQUIRE(checker(R"({"ab":1})") == "taken");
  REQUIRE(checker(R"({"AB":1})") == "/v/AB has a name that does not match the pattern ^[a-z]+$");
  REQUIRE(checker(R"({"a":1})") == "/v/a has a name that has 1 character: at least 2");
  REQUIRE(checker(R"({"abcd":1})") == "/v/abcd has a name that has 4 characters: at most 3");
}

TEST_CASE("allOf, anyOf, oneOf, not") {
  Checker all(R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})");
  REQUIRE(all("1.5") == "taken");
  REQUIRE(all("0") == "/v does not fit the schema's minimum");
  Checker any(
      R"({"anyOf": [{"type": "string"}, {"properties": {"a": {"type": "number"}}, "type": "object"}]})");
  REQUIRE(any("\"\"") == "taken");
  REQUIRE(any(R"({"a":1})") == "taken");
  REQUIRE(any(R"({"a":"1"})") == "/v fits none of the alternatives (anyOf)");
  Checker one(R"({"oneOf": [{"minimum": 1}, {"maximum": 2}]})");
  REQUIRE(one("0") == "taken");
  REQUIRE(one("1.5") == "/v fits more than one alternative (oneOf)");
  Checker none(R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})");
  REQUIRE(none("0") == "/v fits none of the alternatives (oneOf)");
  Checker excluded(R"({"not": {"type": "string"}})");
  REQUIRE(excluded("1") == "taken");
  REQUIRE(excluded("\"\"") == "/v is what the schema excludes (not)");
}

TEST_CASE("a keyword at the top of the schema goes for the whole event") {
  Checker checker("{}", R"({"additionalProperties": false, "maxProperties": 3,
                            "anyOf": [{"required": ["v"]}, {"properties": {"id": {"const": 7}}}]})");
  REQUIRE(checker("1") == "taken");
  REQUIRE(checker.verdict(R"({"id":1,"at":"2026-01-21T10:00:00Z","w":1})") ==
          "fits none of the alternatives (anyOf)");
  REQUIRE(checker.verdict(R"({"id":7,"at":"2026-01-21T10:00:00Z","w":1})") ==
          "/w is not among the members that the schema allows");
}

TEST_CASE("true and false are schemas") {
  Checker checker(R"({"properties": {"yes": true, "no": false}, "items": false})");
  REQUIRE(checker(R"({"yes":1})") == "taken");
  REQUIRE(checker(R"({"no":1})") == "/v has a member or element that the schema forbids");
  REQUIRE(checker("[]") == "taken");
  REQUIRE(checker("[1]") == "/v has a member or element that the schema forbids");
  REQUIRE(Checker("false")("1") == "has a member or element that the schema forbids");
}

TEST_CASE("members may be named like keywords, and like parts of JSON Schema") {
  Checker checker(
      R"({"properties": {"$ref": {"type": "string"}, "id": {"type": "number"}, "properties": {"type": "array"},
                                     "format": {"type": "null"}, "[0]": {"type": "number"}, "": {"type": "number"}},
                      "required": ["$ref"]})");
  REQUIRE(checker(R"({"$ref":"#","id":1,"properties":[],"format":null,"[0]":1,"":2})") == "taken");
  REQUIRE(checker(R"({"id":1})") == "/v/$ref is missing");
  REQUIRE(checker(R"({"$ref":"","[0]":"x"})") == "/v/[0] is a string: must be a number");
  REQUIRE(checker(R"({"$ref":"","":"x"})") == "/v/ is a string: must be a number");
  REQUIRE(checker(R"({"$ref":"","format":1})") == "/v/format is a number: must be null");
}

TEST_CASE("an event made to be slow to check is checked in moderate time") {
  Checker unique(R"({"uniqueItems": true, "items": {"type": "number"}})");
  Checker members(R"({"additionalProperties": {"type": "number", "maximum": 1}})");
  std::string numbers = "[0";
  std::string bad_members = "{\"a\":0";
  for (int i = 1; i < 30'000; ++i) {
    numbers += "," + std::to_string(i);
    if (i < 15'000) bad_members += ",\"m" + std::to_string(i) + "\":\"x\"";
  }
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(unique(numbers + "]") == "taken");
  REQUIRE(members(bad_members + "}").ends_with(" is a string: must be a number"));
  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}
