#include "shared/event/shape.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "shared/event/schema.h"

using nlohmann::json;
using tributary::Shape;

namespace {

bool valijson_accepts(const json& schema, const json& value) {
  valijson::Schema compiled;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), compiled);
  return valijson::Validator().validate(compiled, valijson::adapters::NlohmannJsonAdapter(value),
                                        nullptr);
}

// Small schemas and values over few names, so that they often fit.
class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}

  json schema(int depth) {
    json schema = json::object();
    if (below(2) == 0) schema["type"] = type();
    if (below(6) == 0) schema["type"] = json::array({"string", type()});
    if (schema["type"] == json::array({"string", "string"}) || schema["type"].is_null())
      schema.erase("type");
    if (below(3) == 0) schema["minimum"] = below(5);
    if (below(3) == 0) schema["maximum"] = below(5);
    if (below(8) == 0) schema["exclusiveMinimum"] = below(3);
    if (below(8) == 0) schema["exclusiveMaximum"] = below(5) + 0.5;
    if (below(3) == 0) schema["required"] = json::array({name()});
    if (below(6) == 0) schema["additionalProperties"] = false;
    if (depth > 0 && below(6) == 0) schema["additionalProperties"] = this->schema(depth - 1);
    while (depth > 0 && below(2) == 0) schema["properties"][name()] = this->schema(depth - 1);
    return schema;
  }

  json value(int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return "text";
      case 3:
        return below(5);
      case 4:
        return below(5) + 0.25;
      case 5:
        return json::array({below(2)});
      default: {
        json object = json::object();
        while (below(3) != 0) object[name()] = value(depth - 1);
        return object;
      }
    }
  }

 private:
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  std::string name() { return std::string(1, static_cast<char>('a' + below(4))); }
  std::string type() {
    const std::vector<std::string> types{"null",   "boolean", "integer", "number",
                                         "string", "array",   "object"};
    return types[static_cast<std::size_t>(below(static_cast<int>(types.size())))];
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("what a shape accepts and what it doesn't is what valijson says") {
  const char* given = std::getenv("TRIBUTARY_SEED");
  const auto seed = given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                                     : std::random_device{}();
  UNSCOPED_INFO("TRIBUTARY_SEED=" << seed);
  Chance chance(seed);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto schema = chance.schema(2);
    const auto value = chance.value(3);
    const auto shape = Shape::of(schema);
    INFO(schema.dump() << " " << value.dump());
    REQUIRE(shape.has_value());
    REQUIRE(shape->accepts(value) == valijson_accepts(schema, value));
    accepted += shape->accepts(value) ? 1 : 0;
  }
  REQUIRE(accepted > 1000);
}

TEST_CASE("a schema with any other keyword has no shape") {
  REQUIRE(!Shape::of(json::parse(R"({"enum": [1]})")));
  REQUIRE(!Shape::of(json::parse(R"({"properties": {"a": {"anyOf": [{"type": "null"}]}}})")));
  REQUIRE(!Shape::of(json::parse(R"({"additionalProperties": {"minItems": 1}})")));
  REQUIRE(!Shape::of(json(false)));
}
