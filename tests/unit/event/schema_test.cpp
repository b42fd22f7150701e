#include "shared/event/schema.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "shared/event/codec.h"

using nlohmann::json;
using tributary::errc;
using tributary::Schema;
using tributary::SchemaField;

namespace {

// A schema with the key `id` and the time `at`; `extra` is merged into it (RFC 7396).
json with(std::string_view extra) {
  auto schema = json::parse(R"({
    "type": "object", "required": ["id", "at"],
    "properties": {"id": {"type": "string"}, "at": {"type": "string", "format": "date-time"}},
    "x-tributary": {"key": ["id"], "time": "at"}})");
  schema.merge_patch(json::parse(extra));
  return schema;
}

tributary::Result<Schema> parse(std::string_view extra) {
  return Schema::parse("test", with(extra).dump());
}

// The error's code and words, without the schema's name.
std::pair<errc, std::string> refusal(std::string_view extra) {
  const auto schema = parse(extra);
  INFO(extra);
  REQUIRE_FALSE(schema.has_value());
  const std::string_view start = "schema \"test\": ";
  REQUIRE(schema.error().context().starts_with(start));
  for (const auto code : {errc::invalid_argument, errc::unsupported}) {
    if (schema.error() == code) return {code, schema.error().context().substr(start.size())};
  }
  FAIL("another code");
  return {};
}

void refused(errc code, std::string_view extra, std::string_view words) {
  const auto [found, context] = refusal(extra);
  CAPTURE(extra);
  REQUIRE(context == words);
  REQUIRE(found == code);
}

}  // namespace

TEST_CASE("a schema knows its key, its time and its fields") {
  const auto schema = parse(R"({
    "required": ["id", "at", "n"],
    "properties": {"n": {"type": "number"}, "i": {"type": ["integer", "null"]}, "b": {"type": "boolean"},
                   "u": {"type": "string", "format": "uuid"}, "o": {"type": "object"}, "a": {"type": "array"},
                   "any": {}, "all": true, "mixed": {"type": ["string", "number"]}},
    "x-tributary": {"key": ["n", "id"], "partition_by": "n", "series": "id"}})");
  REQUIRE(schema.has_value());
  REQUIRE(schema->name() == "test");
  REQUIRE(schema->key() == std::vector<std::string>{"n", "id"});
  REQUIRE(schema->time() == "at");
  REQUIRE(schema->partition_by() == "n");
  REQUIRE(schema->series() == "id");
  REQUIRE(schema->field("n")->type == SchemaField::Type::number);
  REQUIRE(schema->field("n")->required);
  REQUIRE(schema->field("i")->type == SchemaField::Type::integer);
  REQUIRE_FALSE(schema->field("i")->required);
  REQUIRE(schema->field("b")->type == SchemaField::Type::boolean);
  REQUIRE(schema->field("u")->type == SchemaField::Type::uuid);
  REQUIRE(schema->field("at")->type == SchemaField::Type::time);
  REQUIRE(schema->field("id")->type == SchemaField::Type::string);
  for (const auto* name : {"o", "a", "any", "all", "mixed"}) {
    REQUIRE(schema->field(name)->type == SchemaField::Type::nested);
  }
  REQUIRE(schema->field("other") == nullptr);
  REQUIRE(schema->fields().size() == 11);
}

TEST_CASE("without being told, the first of the key parts the stream, and there is no series") {
  const auto schema = parse("{}");
  REQUIRE(schema.has_value());
  REQUIRE(schema->partition_by() == "id");
  REQUIRE(schema->series().empty());
}

TEST_CASE("a schema's id follows its content, not its layout") {
  const auto schema = parse("{}");
  const auto same = Schema::parse("test", with("{}").dump(4));
  const auto other = parse(R"({"title": "other"})");
  REQUIRE(schema->id().starts_with("test@"));
  REQUIRE(schema->id().size() == std::string_view("test@0123456789abcdef").size());
  REQUIRE(same->id() == schema->id());
  REQUIRE(other->id() != schema->id());
  REQUIRE(same->text() == with("{}").dump(4));
}

TEST_CASE("a keyword outside of the subset is refused wherever it stands") {
  const std::string words = " is not supported: SCHEMA.md lists the keywords that are";
  for (const std::string keyword : {"$ref",
                                    "$defs",
                                    "$anchor",
                                    "$dynamicRef",
                                    "$vocabulary",
                                    "if",
                                    "then",
                                    "else",
                                    "contains",
                                    "minContains",
                                    "maxContains",
                                    "prefixItems",
                                    "patternProperties",
                                    "dependentRequired",
                                    "dependentSchemas",
                                    "unevaluatedItems",
                                    "unevaluatedProperties",
                                    "contentEncoding",
                                    "definitions",
                                    "divisibleBy",
                                    "extends"}) {
    refused(errc::unsupported, "{\"" + keyword + "\": {}}", "/" + keyword + words);
  }
  refused(errc::unsupported, R"({"requried": []})",
          "/requried is not supported: did you mean required? SCHEMA.md lists the keywords that "
          "are");
  refused(errc::unsupported, R"({"properties": {"a": {"minimun": 1}}})",
          "/properties/a/minimun is not supported: did you mean minimum? SCHEMA.md lists the "
          "keywords that are");
  refused(errc::unsupported, R"({"properties": {"a/b": {"items": {"$ref": "#"}}}})",
          "/properties/a~1b/items/$ref" + words);
  refused(errc::unsupported, R"({"additionalProperties": {"contains": {}}})",
          "/additionalProperties/contains" + words);
  refused(errc::unsupported, R"({"anyOf": [{}, {"not": {"if": {}}}]})", "/anyOf/1/not/if" + words);
}

TEST_CASE("a keyword whose value is no good is refused") {
  const auto invalid = [](std::string_view extra, std::string_view words) {
    refused(errc::invalid_argument, extra, words);
  };
  invalid(R"({"type": "array"})", "/type must be \"object\": an event is one");
  const std::string types =
      " must be array, boolean, integer, null, number, object or string, or a list of such, each "
      "once";
  invalid(R"({"properties": {"a": {"type": "float"}}})", "/properties/a/type" + types);
  invalid(R"({"properties": {"a": {"type": 1}}})", "/properties/a/type" + types);
  invalid(R"({"properties": {"a": {"type": []}}})", "/properties/a/type" + types);
  invalid(R"({"properties": {"a": {"type": ["null", "null"]}}})", "/properties/a/type" + types);
  invalid(R"({"properties": []})", "/properties must be an object of schemas");
  invalid(R"({"properties": {"a": 1}})", "/properties/a is not a schema: must be an object");
  invalid(R"({"required": "id"})",
          "/required must be a list of member names, each once and without a NUL");
  invalid(R"({"required": ["id", "id"]})",
          "/required must be a list of member names, each once and without a NUL");
  invalid(R"({"properties": {"a": {"enum": []}}})",
          "/properties/a/enum must be an array of one value or more");
  invalid(R"({"properties": {"a": {"minimum": "1"}}})", "/properties/a/minimum must be a number");
  invalid(R"({"properties": {"a": {"exclusiveMinimum": true}}})",
          "/properties/a/exclusiveMinimum must be a number");
  invalid(R"({"properties": {"a": {"multipleOf": 0}}})",
          "/properties/a/multipleOf must be a number above 0");
  invalid(R"({"properties": {"a": {"minLength": -1}}})",
          "/properties/a/minLength must be an integer of 0 or more");
  invalid(R"({"maxProperties": 1.5})", "/maxProperties must be an integer of 0 or more");
  invalid(R"({"properties": {"a": {"uniqueItems": 1}}})",
          "/properties/a/uniqueItems must be true or false");
  invalid(R"({"properties": {"a": {"pattern": 1}}})", "/properties/a/pattern must be a string");
  invalid(R"({"anyOf": {}})", "/anyOf must be an array of one schema or more");
  invalid(R"({"oneOf": []})", "/oneOf must be an array of one schema or more");
  invalid(R"({"not": 1})", "/not is not a schema: must be an object");
}

TEST_CASE("what is JSON Schema, but can't be checked here, is refused as unsupported") {
  const auto unsupported = [](std::string_view extra, std::string_view words) {
    refused(errc::unsupported, extra, words);
  };
  unsupported(R"({"$schema": "http://json-schema.org/draft-07/schema#"})",
              "/$schema must be https://json-schema.org/draft/2020-12/schema, or left out");
  unsupported(R"({"properties": {"a": {"format": "email"}}})",
              "/properties/a/format is not a supported format: date-time and uuid are; a pattern "
              "can check others");
  const std::string inside = " is not supported inside of allOf, anyOf, oneOf and not (SCHEMA.md)";
  unsupported(R"({"allOf": [{"properties": {"a": {"format": "uuid"}}}]})",
              "/allOf/0/properties/a/format" + inside);
  unsupported(R"({"not": {"items": {"pattern": "x"}}})", "/not/items/pattern" + inside);
  unsupported(R"({"oneOf": [{"minLength": 1}]})", "/oneOf/0/minLength" + inside);
  unsupported(
      R"({"propertyNames": {"enum": ["a"]}})",
      "/propertyNames/enum is not supported inside of propertyNames: pattern, minLength and "
      "maxLength are (SCHEMA.md)");
  unsupported(R"({"propertyNames": false})",
              "/propertyNames must be an object: pattern, minLength and maxLength are supported");
  unsupported(R"({"properties": {"a": {"x-tributary": {}}}})",
              "/properties/a/x-tributary belongs to the top of the schema");
  const auto [code, words] = refusal(R"json({"properties": {"a": {"pattern": "(?=x)"}}})json");
  REQUIRE(code == errc::unsupported);
  REQUIRE(words.starts_with("/properties/a/pattern is not a regular expression of RE2: "));
  for (const auto* number : {"9007199254740992", "-9223372036854775808", "9223372036854775808.0"}) {
    const auto refused_number =
        refusal(std::string(R"({"properties": {"a": {"const": [)") + number + "]}}}");
    REQUIRE(refused_number.second.starts_with("/properties/a/const/0 is a number of 2^53 or more"));
  }
}

TEST_CASE("annotations may say anything") {
  REQUIRE(parse(R"({"title": 1, "description": [], "$id": "https://example.org/x", "$comment": "c",
                    "default": {}, "examples": [{"$ref": "x"}], "deprecated": true, "readOnly": false,
                    "writeOnly": false, "$schema": "https://json-schema.org/draft/2020-12/schema"})"));
}

TEST_CASE("a mistake in x-tributary is explained") {
  const auto invalid = [](std::string_view extra, std::string_view words) {
    refused(errc::invalid_argument, extra, words);
  };
  invalid(R"({"x-tributary": null})",
          "/x-tributary is missing: it says which members are the key and the time, as {\"key\": "
          "[\"sensor_id\", \"timestamp\"], \"time\": \"timestamp\"}");
  invalid(R"({"x-tributary": 1})", "/x-tributary must be an object");
  invalid(R"({"x-tributary": {"key": null}})",
          "/x-tributary/key is missing: a list of the members that identify an event");
  invalid(R"({"x-tributary": {"key": []}})",
          "/x-tributary/key must be a list of 1 to 16 member names");
  invalid(R"({"x-tributary": {"key": "id"}})",
          "/x-tributary/key must be a list of 1 to 16 member names");
  invalid(R"({"x-tributary": {"key": [1]}})", "/x-tributary/key/0 must be the name of a member");
  invalid(R"({"x-tributary": {"key": ["id", "id"]}})",
          "/x-tributary/key/1 names \"id\" for a second time");
  invalid(
      R"({"x-tributary": {"key": ["nope"]}})",
      "/x-tributary/key/0 names \"nope\", which is not among the properties at the top: at, id");
  invalid(R"({"properties": {"n": {"type": "number"}}, "x-tributary": {"key": ["id", "n"]}})",
          "/x-tributary/key/1 names \"n\", which every event must have: add it to /required");
  for (const auto* type :
       {R"({"type": "object"})", R"({"type": ["string", "null"]})", R"({"enum": ["a"]})", "true"}) {
    invalid(std::string(R"({"required": ["id", "at", "n"], "properties": {"n": )") + type +
                R"(}, "x-tributary": {"key": ["n"]}})",
            "/x-tributary/key/0 names \"n\", whose type must be one of string, integer, number, "
            "boolean");
  }
  invalid(R"({"x-tributary": {"time": null}})",
          "/x-tributary/time is missing: the member that is an event's time");
  invalid(R"({"x-tributary": {"time": "id"}})",
          "/x-tributary/time names \"id\", which must be {\"type\": \"string\", \"format\": "
          "\"date-time\"}");
  invalid(R"({"x-tributary": {"partition_by": "x"}})",
          "/x-tributary/partition_by names \"x\", which is not among the properties at the top: "
          "at, id");
  invalid(R"({"x-tributary": {"series": ""}})",
          "/x-tributary/series names \"\", which is not among the properties at the top: at, id");
  refused(errc::unsupported, R"({"x-tributary": {"keep": "90d"}})",
          "/x-tributary/keep is not known: key, time, partition_by and series are");
}

TEST_CASE("a schema can't declare a reserved name") {
  for (const std::string name : {"_id", "at_ns", "_tributary", "_tributary_x"}) {
    refused(errc::invalid_argument, R"({"properties": {")" + name + R"(": {}}})",
            "/properties/" + name + " is a reserved name");
    refused(errc::invalid_argument, R"({"required": ["id", "at", ")" + name + R"("]})",
            "/required/2 is a reserved name");
  }
  REQUIRE(parse(R"({"properties": {"id_ns": {}, "_tribute": {}, "_ids": {},
                    "nested": {"properties": {"_id": {}}}}})"));
}

TEST_CASE("a schema that is no strict JSON is refused with the place") {
  const auto refused_text = [](std::string_view text) {
    return Schema::parse("test", text).error().context();
  };
  REQUIRE(refused_text("{\n  \"type\": }") ==
          "schema \"test\": is not JSON, at line 2, column 11: unexpected '}'; expected '[', '{', "
          "or a literal");
  REQUIRE(refused_text(R"({"type": "object", "type": "object"})") ==
          "schema \"test\": /type is there more than once");
  REQUIRE(refused_text("[]") == "schema \"test\": is not a schema: must be an object");
}

TEST_CASE("a schema's name fits a header") {
  for (const std::string name : {"", "a@b", "a b", "a\n", "é"}) {
    REQUIRE(Schema::parse(name, with("{}").dump()).error() == errc::invalid_argument);
  }
  REQUIRE(Schema::parse("Room.climate-v2", with("{}").dump()).has_value());
}

TEST_CASE("there is no built-in schema of another name") {
  REQUIRE(Schema::built_in("telemetri").error() == errc::not_found);
}

TEST_CASE("the example of SCHEMA.md does what the document says") {
  std::ifstream document(TRIBUTARY_SOURCE_DIR "/shared/event/SCHEMA.md");
  std::string text;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("    ")) text += line + "\n";
  }
  const auto schema = Schema::parse("door", text);
  REQUIRE(schema.has_value());
  tributary::Codec codec(*schema);
  const auto event = codec.decode(
      R"({"door": "north-2", "at": "2026-01-21T10:00:00Z", "open": true, "battery": 130})");
  REQUIRE(to_text(event.error()) == "/battery is 130: at most 100");
}

TEST_CASE("a schema that no event can satisfy is refused") {
  const auto invalid = [](std::string_view extra, std::string_view words) {
    refused(errc::invalid_argument, extra, words);
  };
  invalid(R"({"properties": {"n": {"minimum": 3, "maximum": 2.5}}})",
          "/properties/n/minimum is 3, which is more than maximum, 2.5: no value can be both");
  invalid(R"({"properties": {"n": {"items": {"minLength": 2, "maxLength": 1}}}})",
          "/properties/n/items/minLength is 2, which is more than maxLength, 1: no value can be "
          "both");
  invalid(R"({"minProperties": 9, "maxProperties": 8})",
          "/minProperties is 9, which is more than maxProperties, 8: no value can be both");
  invalid(R"({"properties": {"n": {"minItems": 2, "maxItems": 1}}})",
          "/properties/n/minItems is 2, which is more than maxItems, 1: no value can be both");
  invalid(R"({"properties": {"n": {"type": "string", "enum": [1, 2]}}})",
          "/properties/n/enum has no value of the type \"string\"");
  invalid(R"({"properties": {"n": {"type": ["null", "integer"], "enum": [1.5, "1"]}}})",
          "/properties/n/enum has no value of the type [\"null\",\"integer\"]");
  invalid(R"({"required": ["id", "at", "x"], "additionalProperties": false})",
          "/required/2 names \"x\", which is not among the properties, and additionalProperties is "
          "false");
  for (const auto* good :
       {R"({"properties": {"n": {"minimum": 2, "maximum": 2}}})",
        R"({"properties": {"n": {"type": ["null", "integer"], "enum": [null]}}})",
        R"({"properties": {"n": {"type": "number", "enum": [1, "a"]}}})",
        R"({"required": ["id", "at", "x"]})",
        R"({"required": ["id", "at", "x"], "additionalProperties": {"type": "string"}})",
        R"({"not": {"minimum": 3, "maximum": 2}})"}) {
    CAPTURE(good);
    REQUIRE(parse(good).has_value());
  }
}
